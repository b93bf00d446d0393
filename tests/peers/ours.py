"""Our compiled networks, through loop.c."""

import ctypes
import os
import subprocess

import numpy

FLOATS = ctypes.POINTER(ctypes.c_float)


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
        entry = getattr(ctypes.CDLL(library), name + "_model")
        entry.restype = ctypes.c_void_p
        return entry()

    def params(self, model):
        return self.loop.loop_params(model)


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
