"""What is to be measured on a device, with its operations and bytes; and the measurement.

    measure.py plan TREE        a line for each row of the table, before anything runs
    measure.py device TREE      the device: peaks of its attributes, a copy's bandwidth
    measure.py compile TREE SO [90 13000]   the kernels of a network's shared object, into
                                the cache; for this device, or for another and its driver
    measure.py run TREE         our side of the rows, without PyTorch; 1 if a row failed
    measure.py peers            names of the rows for PyTorch, with commas between them
    measure.py many             how many instances are trained at once

TREE has peers/peers_cuda.so and the networks, see run_all.sh.  Lines are fields with tabs
between them.  Bytes are those that no kernel can avoid: configurations, labels and weights
read once, outputs written once.
"""

import array
import os
import random
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "peers"))

from device import (Device, Loop, compile_model, extents, load_library,  # noqa: E402
                    load_model, model_path)

TINY = bool(os.environ.get("ARCHC_GPU_TINY"))
MANY = 3 if TINY else 50  # instances at once


class Row:
    """One call.  rate: which peak bounds its arithmetic.  slower: the most times its floor that
    is asked for; faster: how many times as fast as PyTorch."""

    def __init__(self, kind, network, lattice, batch, rate="fp32", slower="", faster="",
                 instances=1, x_type="int8"):
        self.kind, self.network, self.lattice = kind, network, lattice
        self.batch, self.rate, self.slower, self.faster = batch, rate, slower, faster
        self.instances, self.x_type = instances, x_type
        self.key = ".".join([kind, network, "x".join(map(str, lattice)), str(batch)]
                            + ([f"x{instances}"] if instances > 1 else []))


def step_rows():
    """As in training; PyTorch's numbers are float, so ours are."""
    for network in ("count_eq1", "detect_eq"):
        for instances, faster in ((1, 10), (MANY, 100)):
            yield Row("step", network, (8, 8), 100, faster=faster, instances=instances,
                      x_type="float32")


def other_rows():
    """Many configurations, beside PyTorch and without, of a wide network also a step; and one
    configuration."""
    peers = [Row("forward", "count_eq1", (8, 8), 1024, x_type="float32"),
             Row("forward", "detect_eq", (8, 8), 1024, x_type="float32"),
             Row("forward", "count_eq1", (64, 64), 1, slower=2, x_type="float32"),
             Row("forward", "observables_eq", (60, 4), 1024, "tf32x3", x_type="float32")]
    many = [Row("forward", name, (8, 8), 65536, slower=2)
            for name in ("count_eq1", "count_eq2", "count_eq3", "detect_eq")]
    wide = [Row("forward", name, (60, 4), 8192, "tf32x3", slower=2)
            for name in ("observables_eq", "observables_st")]
    wide.append(Row("step", "observables_eq", (60, 4), 1024, "tf32x3"))
    single = [Row("forward", name, (n, n), 1, slower=2)
              for name in ("count_eq1", "detect_eq") for n in (64, 128, 256, 512)
              if (name, n) != ("count_eq1", 64)]
    return peers + many + wide + single


def tiny(rows):
    """The same rows where a device is a processor: a small network on lattices of 4x4."""
    for row in rows:
        yield Row(row.kind, "count_eq3", [min(n, 4) for n in row.lattice], min(row.batch, 3),
                  row.rate, row.slower, row.faster, row.instances, row.x_type)


def all_rows():
    rows = [*step_rows(), *other_rows()]
    if TINY:
        first = {}
        for row in tiny(rows):
            first.setdefault(row.key, row)
        rows = [*first.values()]
    return rows


class Network:
    def __init__(self, library, tree, row):
        path = model_path(tree, row.network)
        self.library, self.row = library, row
        self.model = load_model(path, row.network) if path else None
        self.outputs = (library.model_outputs(self.model, extents(row.lattice))
                        if self.model else 0)

    def flop(self):
        """Of a sample, a convolution counted directly."""
        return self.library.model_flops(self.model, extents(self.row.lattice),
                                        self.row.kind == "step")

    def params(self):
        return self.library.model_params(self.model)

    def bytes(self):
        """Of a sample."""
        r = self.row
        x = 4 * r.lattice[0] * r.lattice[1] * (1 if r.x_type == "int8" else 4)
        # A step of AdamW reads weights, gradient and three moments, and writes all but one.
        weights = 4 * self.params() * (9 if r.kind == "step" else 1) / r.batch
        return x + 4 * self.outputs + weights

    def loop(self, device):
        """The row with random configurations, labels and weights."""
        r, source = self.row, random.Random(1)
        numbers = 4 * r.lattice[0] * r.lattice[1] * r.batch
        x = bytearray(source.randbytes(numbers).translate(
            bytes((i % 5 - 2) & 255 for i in range(256))))
        if r.x_type == "float32":
            x = array.array("f", memoryview(x).cast("b"))
        weights = array.array("f", (source.uniform(-0.3, 0.3)
                                    for _ in range(self.params() * r.instances)))
        target = array.array("f", (source.randrange(2)
                                   for _ in range(self.outputs * r.batch)))
        return Loop(device, self.model, r.lattice, r.batch, r.kind, x, r.x_type, weights,
                    target, r.instances)


def us_per_sample(loop, row):
    """Median of bursts of some milliseconds."""
    loop.run(1 if TINY else 3)
    took = loop.run(1)
    times = 1 if TINY else max(1, min(2000, int(4e-3 / max(took, 1e-7))))
    found = [loop.run(times) for _ in range(2 if TINY else 15)]
    return 1e6 * statistics.median(found) / (row.batch * row.instances)


def say(*fields):
    print(*fields, sep="\t", flush=True)


def plan(tree):
    library = load_library(os.path.join(tree, "peers"))
    for row in all_rows():
        network = Network(library, tree, row)
        known = network.outputs > 0
        say(row.key, f"{network.flop():.6g}" if known else "",
            f"{network.bytes():.6g}" if known else "", row.rate, row.slower, row.faster)


def show_device(tree):
    d = Device(load_library(os.path.join(tree, "peers")))
    size = 1 << (20 if TINY else 31)
    say("name", f"{d.name} (sm_{d.arch}, {d.sms} SMs at {d.clock / 1e6:.0f} MHz)")
    say("fp32", d.fp32)
    say("tf32x3", d.tf32 / 3)
    say("copy", d.copy_rate(size, 2 if TINY else 20))
    d.close()


def compile_kernels(tree, path, arch=None, driver=None):
    """model_NAME_f32.so, model_NAME_f64.so, which has NAME_f64, or NAME.so."""
    name = os.path.basename(path).removesuffix(".so").removeprefix("model_")
    library = load_library(os.path.join(tree, "peers"))
    if not arch:
        device = Device(library)
        arch, driver = device.arch, device.driver
        device.close()
    compile_model(library, load_model(path, name.removesuffix("_f32")), int(arch),
                  int(driver))


def peers():
    """PyTorch's numbers are float: these rows have float."""
    print(",".join(row.key for row in all_rows()
                   if row.x_type == "float32" and row.instances == 1))


def many():
    print(MANY)


def run(tree):
    library = load_library(os.path.join(tree, "peers"))
    device = Device(library)
    failed = 0
    for row in all_rows():
        network = Network(library, tree, row)
        if not network.outputs:
            continue
        try:
            loop = network.loop(device)
            say(row.key, f"{us_per_sample(loop, row):.6g}", "", "")
            loop.close()
        except OSError as error:
            print(f"measure: {row.key}: {error}", file=sys.stderr, flush=True)
            failed = 1
    device.close()
    return failed


if __name__ == "__main__":
    try:
        sys.exit({"plan": plan, "device": show_device, "compile": compile_kernels,
                  "run": run, "peers": peers, "many": many}[sys.argv[1]](*sys.argv[2:]))
    except (IndexError, KeyError, TypeError):
        sys.exit(__doc__)
    except OSError as failure:
        print(f"measure: {failure}", file=sys.stderr)
        sys.exit(6)
