"""The networks of .arch files as PyTorch modules."""

import re

import torch
from torch import nn
from torch.nn import functional

LAYER = re.compile(r"([A-Z]\w*)(\*)?\s*(?:\(([^()]*)\))?")
POOLS = {"GlobalAvgPool": "mean", "GlobalMaxPool": "amax", "GlobalSumPool": "sum"}


class PeriodicConv(nn.Conv2d):
    """A periodic convolution with the taps of an even kernel as padding='same' has them:
    y[t, x] = sum_ab w[a, b] x[t + a - (k-1)//2, x + b - (k-1)//2]."""

    def __init__(self, taps, channels_in, channels_out, bias):
        odd = all(k % 2 for k in taps)
        super().__init__(channels_in, channels_out, taps, bias=bias,
                         padding=[k // 2 for k in taps] if odd else 0,
                         padding_mode="circular" if odd else "zeros")
        self.around = None if odd else [side for k in reversed(taps)
                                        for side in ((k - 1) // 2, k // 2)]

    def forward(self, x):
        if self.around:
            x = functional.pad(x, self.around, mode="circular")
        return super().forward(x)


class GlobalPool(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, x):
        return getattr(x, self.how)(dim=(2, 3))


def extents(text):
    return [int(n) for n in text.split("x")]


def make_layer(name, starred, args, bias):
    """One module for one layer of the table."""
    bias = bias and not starred
    if name == "Conv":
        taps = extents(args[0])
        if taps == [1, 1]:
            return nn.Conv2d(int(args[1]), int(args[2]), 1, bias=bias)
        return PeriodicConv(taps, int(args[1]), int(args[2]), bias)
    if name == "Linear":
        return nn.Linear(int(args[0]), int(args[1]), bias=bias)
    if name in ("AvgPool", "MaxPool"):
        return getattr(nn, name + "2d")(extents(args[0]), stride=int(args[1]))
    if name in POOLS:
        return GlobalPool(POOLS[name])
    if name in ("Flatten", "Flattening"):
        return nn.Flatten()
    return getattr(nn, name)()


class Network(nn.Sequential):
    """What a .arch file describes; .lattice is [T, X], or None where any will do."""

    def __init__(self, path):
        text = re.sub(r"#.*", "", open(path, encoding="utf-8").read()).replace("×", "x")
        self.path = path
        head, body = re.search(r"model\s+(\w+)\s*\{\s*input\s+(.*)\}", text, re.S).groups()
        fixed = re.search(r"T=(\d+), *X=(\d+)", body)
        loss = re.search(r"loss\s+(\w+)", body).group(1)
        bias = not re.search(r"bias\s+off", body)
        layers = re.sub(r"flux.*?on\s*\(.*?\)|loss\s+\w+", "", body, count=0)
        found = [make_layer(name, star, [a.strip() for a in args.split(",")], bias)
                 for name, star, args in LAYER.findall(layers)]
        super().__init__(*found)
        self.name = head
        self.lattice = [int(n) for n in fixed.groups()] if fixed else None
        self.loss = (functional.mse_loss if loss == "MSE" else
                     functional.binary_cross_entropy)

    def tensors(self):
        """Parameters by the names and in the order of archc: conv1.weight, conv1.bias, .."""
        count, found = {}, {}
        for module in self:
            kind = {nn.Linear: "linear"}.get(type(module), "conv")
            if not isinstance(module, (nn.Conv2d, nn.Linear)):
                continue
            count[kind] = count.get(kind, 0) + 1
            for name, tensor in module.named_parameters(recurse=False):
                found[f"{kind}{count[kind]}.{name}"] = tensor
        return found

    @torch.no_grad()
    def take(self, numbers):
        """Sets all parameters from one array, laid out as archc has them."""
        at = 0
        for tensor in self.tensors().values():
            tensor.copy_(torch.from_numpy(numbers[at:at + tensor.numel()].reshape(tensor.shape)))
            at += tensor.numel()
        if at != len(numbers):
            raise ValueError(f"{self.path}: {at} parameters here, {len(numbers)} in archc")
