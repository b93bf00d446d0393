"""Times compiled networks against PyTorch, in turns, on one thread or a device.  See run.sh."""

import argparse
import csv
import datetime
import glob
import os
import platform
import statistics
import subprocess
import sys
import time

import numpy
import torch

from networks import Network
from ours import CudaLibrary, Library
from theirs import (Captured, Theirs, compile_for, compile_network, forget_compiled,
                    set_up)

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = {"cpu": ("eager", "compile"), "cuda": ("eager", "graph", "compile", "both")}
KINDS = ("forward", "step")


def options():
    """The command line."""
    at = os.path.join(HERE, "..", "..", "archs", "task*", "*.arch")
    p = argparse.ArgumentParser(prog="tests/peers/run.sh BUILD", description=__doc__,
                                formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--networks", metavar="FILE,..", default="",
                   help=".arch files; all of archs/ if empty")
    p.add_argument("--lattices", metavar="TxX,..", default="8x8,16x16,60x4,64x64",
                   help="for networks that take any")
    p.add_argument("--batches", metavar="N,..", default="1,128",
                   help="of ours; at 1 PyTorch has 1, else its best of --peer-batches")
    p.add_argument("--peer-batches", metavar="N,..", default="16,64,256,1024",
                   help="as far as memory stays below --peer-sites")
    p.add_argument("--peer-sites", metavar="N", type=int, default=1 << 17,
                   help="most sites in a batch of PyTorch's")
    p.add_argument("--kinds", metavar="KIND,..", default="forward,step")
    p.add_argument("--only", metavar="NAME,..", default="",
                   help="of these rows, kind.network.TxX.batch, in place of --kinds, "
                        "--lattices and --batches")
    p.add_argument("--device", choices=("cpu", "cuda"), default="cpu",
                   help="on a device PyTorch has our batch, and besides eager and "
                        "torch.compile(mode='max-autotune') CUDA graphs, of either")
    p.add_argument("--peer-device", choices=("cpu", "cuda"),
                   help="where PyTorch computes, if elsewhere: then times mean nothing")
    p.add_argument("--instances", metavar="N", type=int, default=1,
                   help="on a device also so many networks of ours at once")
    p.add_argument("--tf32", action="store_true",
                   help="PyTorch's convolutions and products in TF32, as is its default")
    p.add_argument("--seconds", type=float, default=2.0, help="measured for one row")
    p.add_argument("--optimiser", choices=("adamw", "none"), default="adamw",
                   help="of a step, on both sides")
    p.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    p.add_argument("--warm", action="store_true",
                   help="only fill the cache of torch.compile, measure nothing")
    p.add_argument("--check", action="store_true",
                   help="only compare outputs and gradients; exit 1 if they differ")
    p.add_argument("--csv", metavar="FILE", default="peers.csv", help="written whole")
    a = p.parse_args()
    a.only = a.only.split(",") if a.only else []
    if a.only:
        parts = [name.split(".") for name in a.only]
        if any(len(part) != 4 for part in parts):
            p.error("a row is named as step.count_eq1.8x8.100")
        a.kinds, _, a.lattices, a.batches = (
            ",".join(dict.fromkeys(column)) for column in zip(*parts))
    a.networks = a.networks.split(",") if a.networks else sorted(glob.glob(at))
    try:
        a.lattices = [[int(n) for n in l.split("x")] for l in a.lattices.split(",")]
        a.batches = [int(n) for n in a.batches.split(",")]
        a.peer_batches = [int(n) for n in a.peer_batches.split(",")]
        a.kinds = a.kinds.split(",")
        if not set(a.kinds) <= set(KINDS):
            raise ValueError("the kinds are forward and step")
        if a.instances < 1 or a.instances > 1 and a.device == "cpu":
            raise ValueError("instances are several on a device alone")
        if any(len(l) != 2 for l in a.lattices):
            raise ValueError("a lattice such as 60x4 has two extents")
        if min(min(a.batches), min(a.peer_batches), *map(min, a.lattices)) < 1:
            raise ValueError("extents and batches are at least 1")
    except ValueError as error:
        p.error(str(error))
    for path in a.networks:
        if not os.path.exists(path):
            p.error(f"there is no {path}")
    a.peer_device = a.peer_device or a.device
    a.sides = (["archc"] + (["many"] if a.instances > 1 else [])
               + list(PEERS[a.peer_device]))
    return a


def say(text):
    print(text, file=sys.stderr, flush=True)


class Case:
    """A network on a lattice: weights, inputs and targets of any batch, for both sides."""

    def __init__(self, library, path, network, lattice):
        self.library, self.path, self.lattice = library, path, lattice
        self.name = network.name
        self.model = library.model(path, network.name)
        self.random = numpy.random.default_rng(1)
        count = library.params(self.model)
        self.weights = self.random.uniform(-0.3, 0.3, count).astype(numpy.float32)
        self.network().take(self.weights)  # as many on both sides?

    def network(self):
        found = Network(self.path)
        found.take(self.weights)
        return found

    def data(self, batch):
        """Fluxes -2 .. 2 and labels 0 or 1, shaped as the network's outputs are."""
        random = numpy.random.default_rng(batch)
        x = random.integers(-2, 3, (batch, 4, *self.lattice)).astype(numpy.float32)
        with torch.no_grad():
            shape = self.network()(torch.from_numpy(x[:1])).shape[1:]
        return x, random.integers(0, 2, (batch, *shape)).astype(numpy.float32)

    def ours(self, batch, kind, adamw, *instances):
        return self.library.side(self.model, self.weights, *self.data(batch), kind, adamw,
                                 *instances)


def burst(side, seconds):
    """Seconds of a call, over at least `seconds`."""
    times = 1
    while True:
        took = side.run(times)
        if took * times >= seconds or took >= seconds / 2:
            return took
        times = max(2 * times, int(seconds / took) + 1)


def rounds(sides, seconds, least=5):
    """Bursts of all sides in turns until the time is over: a list for each."""
    found = [[] for _ in sides]
    for side in sides:
        side.run(4)
    start = time.perf_counter()
    while len(found[0]) < least or time.perf_counter() - start < seconds:
        for i, side in enumerate(sides):
            found[i].append(burst(side, 0.01) / side.batch)
        if len(found[0]) >= 3 and time.perf_counter() - start > 5 * seconds:
            break
    return found


def best_batch(case, kind, a):
    """The batch and memory format with which eager PyTorch takes least for a sample."""
    sites = case.lattice[0] * case.lattice[1]
    batches = [n for n in a.peer_batches if n * sites <= a.peer_sites] or [1]
    return best_of(case, kind, batches, a)


def best_of(case, kind, batches, a):
    """Of these batches and both memory formats."""
    sides = [Theirs(case.network(), *case.data(n), kind, a.optimiser == "adamw", form,
                    device=a.peer_device)
             for n in batches for form in ("nchw", "nhwc")]
    times = [min(t) for t in rounds(sides, 0.5, 3)]
    winner = sides[times.index(min(times))]
    return winner.batch, winner.form


def difference(case, kind, a):
    """Of outputs or gradients, over the largest of them."""
    mine = case.ours(37, kind, False)
    other = Theirs(case.network(), *case.data(37), kind, False, device=a.peer_device)
    found, wanted = mine.result(), other.result()
    mine.close()
    if not numpy.isfinite(found).all():
        return numpy.inf
    return float(abs(found - wanted).max() / abs(wanted).max())


class Compiled:
    """What torch.compile makes of a network, for as long as its lattices last."""

    def __init__(self, case, kind, single):
        self.network, self.kind = case.network(), kind
        self.made, why = compile_network(self.network, kind, single)
        if self.made is None:
            say(f"peers: note: torch.compile fails on {case.name}, {kind}: {why}")

    def side(self, case, batch, adamw):
        return Theirs(self.network, *case.data(batch), self.kind, adamw, "nchw", self.made)


def peers_on_cpu(case, kind, batch, compiled, a):
    """Eager at its best batch, and compiled."""
    adamw = a.optimiser == "adamw"
    peer, form = (1, "nchw") if batch == 1 else best_batch(case, kind, a)
    yield Theirs(case.network(), *case.data(peer), kind, adamw, form)
    if compiled and compiled.made:
        yield compiled.side(case, peer, adamw)


def peers_on_cuda(case, kind, batch, a):
    """Eager and captured as a graph, in the better format; compiled, which replays graphs of
    its own, and compiled without these, captured."""
    rest = (kind, a.optimiser == "adamw")
    form = best_of(case, kind, [batch], a)[1]
    yield Theirs(case.network(), *case.data(batch), *rest, form, device="cuda")
    makers = [("graph", None)] + ([] if a.no_compile else [
        ("compile", "max-autotune"), ("both", "max-autotune-no-cudagraphs")])
    forget_compiled()
    for label, mode in makers:
        try:
            peer = peer_on_cuda(case, batch, rest, form, label, mode)
            peer.run(4)  # what a compiler made may also fail when it runs
        except RuntimeError as error:
            peer = None
            say(f"peers: note: {label} fails on {case.name}, {kind}: "
                f"{str(error).splitlines()[0][:200]}")
        if peer:
            yield peer


def peer_on_cuda(case, batch, rest, form, label, mode):
    data, network = case.data(batch), case.network()
    if not mode:
        return Captured(network, *data, *rest, form, label=label)
    plain = Theirs(network, *data, *rest, device="cuda")
    made, why = compile_for(network, rest[0], plain.x, plain.target, mode)
    if not made:
        raise RuntimeError(why)
    if label == "both":
        return Captured(network, *data, *rest, compiled=made, label=label)
    return Theirs(network, *data, *rest, compiled=made, device="cuda")


def measure(case, kind, batch, compiled, a):
    """One row of the table."""
    adamw = a.optimiser == "adamw"
    sides = [case.ours(batch, kind, adamw)]
    if a.instances > 1:
        sides.append(case.ours(batch, kind, adamw, a.instances))
    mine = len(sides)
    sides += (peers_on_cuda(case, kind, batch, a) if a.peer_device == "cuda" else
              peers_on_cpu(case, kind, batch, compiled, a))
    found = rounds(sides, a.seconds)
    row = {"network": case.name, "lattice": "x".join(map(str, case.lattice)),
           "kind": kind, "batch": batch, "eager_format": sides[mine].form,
           "rounds": len(found[0])}
    for side, times in zip(sides, found):
        row[side.label + "_batch"] = side.batch
        row[side.label + "_us"] = 1e6 * min(times)
        row[side.label + "_us_median"] = 1e6 * statistics.median(times)
    for what, key in (("us", "ratio"), ("us_median", "ratio_median")):
        best, row["best"] = min((row[f"{s.label}_{what}"], s.label) for s in sides[mine:])
        row[key] = best / row["archc_" + what]
        if mine > 1:
            row["many_" + key] = best / row["many_" + what]
    row["difference"] = difference(case, kind, a)
    for side in sides[:mine]:
        side.close()
    return row


def surroundings(library, a):
    """What the figures depend on, a line each."""
    cpu = [l.split(":")[1].strip() for l in open("/proc/cpuinfo", encoding="utf-8")
           if l.startswith("model name")] or [platform.machine()]
    onednn = [l.strip(" -") for l in torch.__config__.show().splitlines() if "MKL-DNN" in l]
    on = (f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, cuDNN "
          f"{torch.backends.cudnn.version()}, TF32 {'on' if a.tf32 else 'off'}"
          if a.peer_device == "cuda" else ", ".join(onednn))
    return [f"date: {datetime.date.today().isoformat()}",
            f"machine: {cpu[0]}, {os.cpu_count()} cores, one thread; PyTorch's "
            f"{torch.backends.cpu.get_cpu_capability()}",
            library.describe(),
            f"PyTorch: {torch.__version__}, {on}, "
            f"Python {platform.python_version()}",
            "step: forward, loss, gradient, "
            + ("AdamW with AMSGrad" if a.optimiser == "adamw" else "no optimiser")
            + "; ours with packing; float32 throughout"]


def fields(a):
    """The columns of the CSV."""
    many = ["many_ratio", "many_ratio_median"] if a.instances > 1 else []
    return (["network", "lattice", "kind", "batch"]
            + [f"{side}_{what}" for side in a.sides
               for what in ("batch", "us", "us_median")]
            + ["eager_format", "best", "ratio", "ratio_median", *many, "difference",
               "rounds"])


def write_csv(path, a, head, rows):
    with open(path + ".tmp", "w", newline="", encoding="utf-8") as out:
        out.writelines(f"# {line}\n" for line in head)
        table = csv.DictWriter(out, fields(a), lineterminator="\n")
        table.writeheader()
        table.writerows({k: f"{v:.6g}" if isinstance(v, float) else v
                         for k, v in row.items()} for row in rows)
    os.replace(path + ".tmp", path)


def short(number):
    return f"{number:.3g}" if number < 999.5 else f"{number:.0f}"


def summary(rows, kind, batch):
    found = [r["ratio"] for r in rows if (r["kind"], r["batch"]) == (kind, batch)]
    return (f"* {kind}, batch {batch}: {short(min(found))} to {short(max(found))} times as fast, "
            f"median {short(statistics.median(found))}")


def markdown(head, rows):
    """A line for each network and lattice, a column for each kind and batch."""
    kinds = sorted({(r["kind"], r["batch"]) for r in rows})
    cells = {(r["network"], r["lattice"], r["kind"], r["batch"]): r for r in rows}
    lines = [f"* {line}" for line in head] + [
        "", "us a sample: archc / the best of PyTorch = how many times as fast; best bursts.",
        "Difference: of the outputs, and of the gradients, over the largest of them.", "",
        "| network | lattice | " + " | ".join(f"{k}, batch {b}" for k, b in kinds)
        + " | difference |", "|---|---|" + "---|" * (len(kinds) + 1)]
    for name, lattice in dict.fromkeys((r["network"], r["lattice"]) for r in rows):
        line = [cells.get((name, lattice, *at)) for at in kinds]
        worst = {r["kind"]: f"{r['difference']:.0e}" for r in line if r}
        texts = [f"{short(r['archc_us'])} / {short(r['archc_us'] * r['ratio'])} = "
                 f"{short(r['ratio'])}" if r else "" for r in line]
        lines.append(f"| {name} | {lattice} | " + " | ".join(texts)
                     + f" | {', '.join(worst.values())} |")
    return "\n".join([*lines, "", *(summary(rows, *at) for at in kinds)])


def cases_of(path, library, a):
    """A network on all its lattices."""
    network = Network(path)
    lattices = [network.lattice] if network.lattice else a.lattices
    return [Case(library, path, network, lattice) for lattice in lattices]


def check(cases, a):
    """Both compute in single precision.  Where the argument of a LeakyReLU is so near 0 that
    they round it to different signs, a site's share of the gradient differs: 1e-4 of it."""
    allowed = {"forward": 2e-5, "step": 1e-3}
    wrong = 0
    for case in cases:
        for kind in a.kinds:
            d = difference(case, kind, a)
            same = d < allowed[kind]
            wrong += not same
            print(f"{case.name} {case.lattice[0]}x{case.lattice[1]} {kind}: {d:.1e}"
                  + ("" if same else "  DIFFERENT"), flush=True)
    return 1 if wrong else 0


def row_name(case, kind, batch):
    return f"{kind}.{case.name}.{case.lattice[0]}x{case.lattice[1]}.{batch}"


def measure_network(cases, rows, a):
    for kind in a.kinds:
        for batch in a.batches:
            wanted = [c for c in cases if not a.only or row_name(c, kind, batch) in a.only]
            if not wanted:
                continue
            on_cpu = a.peer_device == "cpu" and not a.no_compile
            compiled = Compiled(cases[0], kind, batch == 1) if on_cpu else None
            for case in [] if a.warm else wanted:
                say(f"peers: {time.process_time():5.0f} s of CPU  {case.name} "
                    f"{case.lattice[0]}x{case.lattice[1]} {kind} {batch}")
                rows.append(measure(case, kind, batch, compiled, a))
                write_csv(a.csv, a, surroundings(case.library, a), rows)


def main():
    a = options()
    if a.peer_device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("PyTorch sees no device")
    set_up(a.peer_device, a.tf32)
    library = CudaLibrary(a.build) if a.device == "cuda" else Library(a.build)
    if a.check:
        return check([c for path in a.networks for c in cases_of(path, library, a)], a)
    rows = []
    if not a.warm:
        write_csv(a.csv, a, surroundings(library, a), rows)  # a wrong name shows at once
    for path in a.networks:
        measure_network(cases_of(path, library, a), rows, a)
    if a.warm:
        return 0
    print(markdown(surroundings(library, a), rows))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError, RuntimeError, subprocess.CalledProcessError) as failure:
        say(f"peers: error: {failure}")
        sys.exit(3)
