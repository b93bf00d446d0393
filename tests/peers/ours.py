"""Our compiled networks, through loop.c and loop_cuda.c."""

import ctypes
import os
import subprocess

import numpy

from device import Device, Loop, load_library, load_model, model_path

FLOATS = ctypes.POINTER(ctypes.c_float)


def first_line(command):
    return subprocess.run(command, capture_output=True, text=True,
                          check=False).stdout.split("\n", 1)[0]


def floats(array):
    return array.ctypes.data_as(FLOATS)


class Library:
    """loop.c, and the shared objects of the networks, made as archrun makes them."""

    def __init__(self, build):
        self.archc = os.path.join(build, "bin", "archc")
        self.folder = os.path.join(build, "peers", "models")
        self.loop = ctypes.CDLL(os.path.join(build, "peers", "peers_loop.so"))
        self.compiler = os.environ.get("CC", "cc").split()
        pointer, number, real = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
        for name, result, arguments in (
                ("loop_new", pointer, [pointer, ctypes.POINTER(number), number,
                                       ctypes.c_int, FLOATS]),
                ("loop_free", None, [pointer]),
                ("loop_forward", real, [pointer, FLOATS, FLOATS, number]),
                ("loop_step", real, [pointer, FLOATS, FLOATS, ctypes.c_int, number]),
                ("loop_gradient", FLOATS, [pointer]),
                ("loop_loss", real, [pointer]),
                ("loop_params", number, [pointer])):
            function = getattr(self.loop, name)
            function.restype, function.argtypes = result, arguments

    def model(self, path, name):
        """The ArchModel of a .arch file."""
        source = os.path.join(self.folder, name + ".c")
        library = os.path.join(self.folder, name + ".so")
        made = os.path.getmtime(library) if os.path.exists(library) else 0
        if made < max(os.path.getmtime(path), os.path.getmtime(self.archc)):
            os.makedirs(self.folder, exist_ok=True)
            subprocess.run([self.archc, path, "-o", self.folder], check=True)
            subprocess.run([*self.compiler, "-O2", "-std=c11", "-fPIC", "-shared", "-o",
                            library, source, "-lm"], check=True)
        return load_model(library, name)

    def params(self, model):
        return self.loop.loop_params(model)

    def side(self, *case):
        return Ours(self, *case)

    def describe(self):
        """What computes, and what it was made by."""
        compiler = first_line([*self.compiler, "--version"])
        return f"archc: {first_line([self.archc, '--version'])}, {compiler}, -O2"


class CudaLibrary:
    """loop_cuda.c, and the shared objects of the networks that the build has made."""

    def __init__(self, build):
        self.build = build
        self.library = load_library(os.path.join(build, "peers"))
        self.device = Device(self.library)

    def model(self, _, name):
        found = model_path(self.build, name)
        if not found:
            raise ValueError(f"{self.build} has no compiled network {name}")
        return load_model(found, name)

    def params(self, model):
        return self.library.model_params(model)

    def side(self, *case):
        return OursCuda(self.device, *case)

    def describe(self):
        return f"archc: on {self.device.name}, timed by its events"


class Ours:
    """One network on one lattice with one batch: run(times) gives the seconds of a call."""

    def __init__(self, library, model, weights, x, target, kind, adamw):
        self.library, self.kind, self.adamw = library.loop, kind, int(adamw)
        self.batch, self.label = len(x), "archc"
        self.x, self.target = x, target
        self.y = numpy.empty_like(target)
        extent = (ctypes.c_int64 * 2)(*x.shape[2:])
        self.params = len(weights)
        self.handle = self.library.loop_new(model, extent, self.batch, kind == "step",
                                            floats(weights))
        if not self.handle:
            raise ValueError("the network cannot take this lattice")

    def run(self, times):
        if self.kind == "forward":
            return self.library.loop_forward(self.handle, floats(self.x), floats(self.y),
                                             times)
        return self.library.loop_step(self.handle, floats(self.x), floats(self.target),
                                      self.adamw, times)

    def result(self):
        """Outputs, or the gradient of the mean loss."""
        self.run(1)
        if self.kind == "forward":
            return self.y.copy()
        found = self.library.loop_gradient(self.handle)
        return numpy.ctypeslib.as_array(found, (self.params,)).copy()

    def close(self):
        self.library.loop_free(self.handle)


class OursCuda:
    """Instances of a network on a device, as Ours."""

    def __init__(self, device, model, weights, x, target, kind, adamw, instances=1):
        self.batch = len(x) * instances
        self.label = "archc" if instances == 1 else "many"
        shape = target.shape if kind == "forward" else weights.shape
        self.found = numpy.empty((instances, *shape), numpy.float32)
        self.loop = Loop(device, model, x.shape[2:], len(x), kind, x, "float32",
                         numpy.tile(weights, instances), target, instances, adamw)

    def run(self, times):
        return self.loop.run(times)

    def result(self):
        """Outputs, or the gradient of the mean loss, of the first instance."""
        self.run(1)
        self.loop.result(self.found)
        return self.found[0].copy()

    def close(self):
        self.loop.close()
