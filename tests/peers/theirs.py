"""The same networks in PyTorch, with every chance that costs a user nothing but a line."""

import time

import numpy
import torch

FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


def set_up():
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


class Theirs:
    """One network with one batch, eager or compiled: run(times) gives the seconds of a call.

    A forward pass runs without autograd.  A step is zero_grad, forward, loss, backward and
    AdamW (fused, AMSGrad), the last only if asked for."""

    def __init__(self, network, x, target, kind, adamw, form="nchw", compiled=None):
        self.network = network.to(memory_format=FORMATS[form])
        self.kind, self.batch, self.form = kind, len(x), form
        self.label = "compile" if compiled else "eager"
        self.x = torch.from_numpy(x).to(memory_format=FORMATS[form])
        self.target = torch.from_numpy(target)
        self.call = compiled or (network if kind == "forward" else self.loss)
        self.optimiser = torch.optim.AdamW(
            network.parameters(), lr=1e-9, weight_decay=0, amsgrad=True, fused=True
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

    def run(self, times):
        if self.kind == "step":
            return self.many(times)
        # Compiled code takes no inference tensors apart from ordinary ones for granted.
        mode = torch.no_grad() if self.label == "compile" else torch.inference_mode()
        with mode:
            return self.many(times)

    def result(self):
        """Outputs, or the gradient of the mean loss, laid out as archc has it."""
        if self.kind == "forward":
            with torch.no_grad():
                return self.call(self.x).numpy().copy()
        self.once()
        return numpy.concatenate([t.grad.contiguous().numpy().ravel()
                                  for t in self.network.tensors().values()])

    def close(self):
        pass


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
