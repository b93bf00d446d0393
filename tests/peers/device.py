"""Our compiled networks on a CUDA device, through loop_cuda.c.  Needs nothing but Python."""

import ctypes
import os

REAL, WHY = ctypes.c_double, 512
X_TYPES = {"int8": 1, "float32": 4}

# Of a multiprocessor and clock: multiply-adds in single precision, and operations of its tensor
# cores in TF32, dense, as NVIDIA's papers on these architectures have them.
FP32 = {80: 64}
TF32 = {80: 1024, 86: 256, 89: 256, 90: 2048}


class Case(ctypes.Structure):
    """As LoopCase of loop_cuda.c."""
    _fields_ = ([("extent", ctypes.c_int64 * 4)]
                + [(name, ctypes.c_int64)
                   for name in ("batch", "instances", "training", "x_type")]
                + [(name, ctypes.c_void_p) for name in ("x", "weights", "target")])


def address(buffer):
    """Of a bytearray, an array or a numpy.ndarray."""
    view = memoryview(buffer)
    return ctypes.addressof((ctypes.c_char * view.nbytes).from_buffer(view.cast("B")))


def load_library(folder):
    """peers_cuda.so, its functions with their types."""
    library = ctypes.CDLL(os.path.join(folder, "peers_cuda.so"))
    pointer, number, text = ctypes.c_void_p, ctypes.c_int64, ctypes.c_char_p
    for name, result, arguments in (
            ("device_new", pointer, [ctypes.c_int, text]),
            ("device_free", None, [pointer]),
            ("device_name", text, [pointer]),
            ("device_numbers", None, [pointer, REAL * 6]),
            ("device_copy_rate", REAL, [pointer, number, ctypes.c_int, text]),
            ("model_flops", REAL, [pointer, number * 4, ctypes.c_int]),
            ("model_outputs", number, [pointer, number * 4]),
            ("model_params", number, [pointer]),
            ("model_compile", ctypes.c_int, [pointer, ctypes.c_int, ctypes.c_int, text]),
            ("cuda_loop_new", pointer, [pointer, pointer, ctypes.POINTER(Case), text]),
            ("cuda_loop_free", None, [pointer]),
            ("cuda_loop_run", REAL, [pointer, ctypes.c_int, number, text]),
            ("cuda_loop_result", ctypes.c_int, [pointer, pointer, text])):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def load_model(path, name):
    """The ArchModel of a shared object."""
    entry = getattr(ctypes.CDLL(path), name + "_model")
    entry.restype = ctypes.c_void_p
    return entry()


def model_path(build, network):
    """Its shared object, as run_all.sh or the tests' build has made it; None: not there."""
    for place in (("peers", "models", network + ".so"),
                  ("tests", "kernels", f"model_{network}_f32.so")):
        path = os.path.join(build, *place)
        if os.path.exists(path):
            return path
    return None


def extents(lattice):
    return (ctypes.c_int64 * 4)(*map(int, lattice))


class Device:
    """A device, and what it can do by what it says of itself."""

    def __init__(self, library, index=0):
        self.library, self.why = library, ctypes.create_string_buffer(WHY)
        self.handle = library.device_new(index, self.why)
        if not self.handle:
            raise OSError(self.why.value.decode())
        numbers = (REAL * 6)()
        library.device_numbers(self.handle, numbers)
        self.name = library.device_name(self.handle).decode()
        self.arch, self.driver, self.sms = map(int, numbers[:3])
        self.clock, self.l2_bytes, self.memory_bytes = numbers[3:]
        self.fp32 = self.sms * self.clock * 2 * FP32.get(self.arch, 128)
        self.tf32 = self.sms * self.clock * TF32.get(self.arch, 0)

    def copy_rate(self, size, times):
        """Bytes read and written a second."""
        rate = self.library.device_copy_rate(self.handle, size, times, self.why)
        if rate < 0:
            raise OSError(self.why.value.decode())
        return rate

    def close(self):
        self.library.device_free(self.handle)


def compile_model(library, model, arch, driver):
    """Into the cache; needs no device."""
    why = ctypes.create_string_buffer(WHY)
    if library.model_compile(model, arch, driver, why):
        raise OSError(why.value.decode())


class Loop:
    """Instances of a network on one lattice with one batch: run(times) gives the seconds of a
    call.  x, weights and target are buffers, which are copied."""

    def __init__(self, device, model, lattice, batch, kind, x, x_type, weights, target,
                 instances=1, adamw=True):
        self.device, self.adamw = device, int(adamw)
        case = Case(extents(lattice), batch, instances, kind == "step", X_TYPES[x_type],
                    address(x), address(weights), address(target))
        self.handle = device.library.cuda_loop_new(device.handle, model,
                                                   ctypes.byref(case), device.why)
        if not self.handle:
            raise OSError(device.why.value.decode())

    def run(self, times):
        seconds = self.device.library.cuda_loop_run(self.handle, self.adamw, times,
                                                    self.device.why)
        if seconds < 0:
            raise OSError(self.device.why.value.decode())
        return seconds

    def result(self, to):
        """Outputs, or the gradient of the mean loss, of the last call."""
        if self.device.library.cuda_loop_result(self.handle, address(to), self.device.why):
            raise OSError(self.device.why.value.decode())

    def close(self):
        self.device.library.cuda_loop_free(self.handle)
