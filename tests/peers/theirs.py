"""The same networks in PyTorch, with every chance that costs a user nothing but a line."""

import contextlib
import time

import numpy
import torch

FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


def set_up(device="cpu", tf32=False):
    """Single precision throughout, on a device too: by default it would take TF32, with 10
    bits, in convolutions."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True


class Theirs:
    """One network with one batch, eager or compiled: run(times) gives the seconds of a call.

    A forward pass runs without autograd.  A step is zero_grad, forward, loss, backward and
    AdamW (fused, AMSGrad), the last only if asked for."""

    def __init__(self, network, x, target, kind, adamw, form="nchw", compiled=None,
                 device="cpu"):
        self.network = network.to(device, memory_format=FORMATS[form])
        self.kind, self.batch, self.form, self.device = kind, len(x), form, device
        self.label = "compile" if compiled else "eager"
        self.x = torch.from_numpy(x).to(device, memory_format=FORMATS[form])
        self.target = torch.from_numpy(target).to(device)
        self.call = compiled or (network if kind == "forward" else self.loss)
        self.optimiser = torch.optim.AdamW(
            network.parameters(), lr=1e-9, weight_decay=0, amsgrad=True, fused=True,
            capturable=device == "cuda"
        ) if adamw and kind == "step" else None

    def loss(self, x, target):
        return self.network.loss(self.network(x), target)

    def once(self):
        if self.kind == "forward":
            return self.call(self.x)
        self.network.zero_grad(set_to_none=True)
        self.call(self.x, self.target).backward()
        if self.optimiser:
            self.optimiser.step()
        return None

    def many(self, times):
        start = time.perf_counter()
        for _ in range(times):
            self.once()
        return (time.perf_counter() - start) / times

    def many_on_device(self, times):
        """By the device's events; they stand in its queue as the calls do."""
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(times):
            self.once()
        end.record()
        end.synchronize()
        return 1e-3 * begin.elapsed_time(end) / times

    def without_gradients(self):
        # Compiled code takes no inference tensors apart from ordinary ones for granted.
        if self.kind == "step":
            return contextlib.nullcontext()
        return torch.inference_mode() if self.label == "eager" else torch.no_grad()

    def run(self, times):
        with self.without_gradients():
            return (self.many_on_device if self.device == "cuda" else self.many)(times)

    def gradient(self):
        """Of the mean loss, of the last call, laid out as archc has it."""
        return numpy.concatenate([t.grad.contiguous().cpu().numpy().ravel()
                                  for t in self.network.tensors().values()])

    def result(self):
        """Outputs, or the gradient of the mean loss."""
        if self.kind == "forward":
            with torch.no_grad():
                return self.call(self.x).cpu().numpy().copy()
        self.once()
        return self.gradient()

    def close(self):
        pass


class Captured(Theirs):
    """The same call as one CUDA graph: what the host would say is said once.  A step is
    captured as a whole, its optimiser with it."""

    def __init__(self, *case, label="graph", **more):
        super().__init__(*case, device="cuda", **more)
        self.label, self.y = label, None
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with self.without_gradients(), torch.cuda.stream(stream):
            for _ in range(3):
                super().once()
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        if self.kind == "step":
            self.network.zero_grad(set_to_none=True)
        with self.without_gradients(), torch.cuda.graph(self.graph):
            self.y = super().once()

    def once(self):
        self.graph.replay()

    def result(self):
        self.once()
        return self.y.cpu().numpy().copy() if self.kind == "forward" else self.gradient()


def compile_network(network, kind, single):
    """torch.compile, once for all lattices and batches, or for all lattices and a batch of 1;
    measured, code for one lattice alone is no faster.  None, with a word on why, where it
    fails.  Its caches count every network against one limit, so they are emptied first."""
    torch._dynamo.reset()
    extents = network.lattice or [12, 10]  # equal extents would be taken for one
    x = torch.zeros(1 if single else 18, 4, *extents)
    with torch.no_grad():
        target = torch.zeros_like(network(x))
    free = ([] if single else [0]) + ([] if network.lattice else [2, 3])
    for tensor, axes in ((x, free), (target, [a for a in free if a == 0])):
        if axes:
            torch._dynamo.mark_dynamic(tensor, axes)
    try:
        if kind == "forward":
            made = torch.compile(network)
            with torch.no_grad():
                made(x)
        else:
            made = torch.compile(lambda x, target: network.loss(network(x), target))
            made(x, target).backward()
        return made, ""
    except Exception as error:  # whatever the compiler of the other side throws
        return None, str(error).splitlines()[0][:200]


def forget_compiled():
    torch._dynamo.reset()


def compile_for(network, kind, x, target, mode):
    """torch.compile for a device, for this lattice and batch alone: graphs want fixed shapes.
    None, with a word on why, where it fails."""
    try:
        if kind == "forward":
            made = torch.compile(network, mode=mode, dynamic=False)
            with torch.no_grad():
                made(x)
        else:
            made = torch.compile(lambda x, target: network.loss(network(x), target),
                                 mode=mode, dynamic=False)
            made(x, target).backward()
        return made, ""
    except Exception as error:  # whatever the compiler of the other side throws
        return None, str(error).splitlines()[0][:200]
