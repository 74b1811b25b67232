"""How fast are matrix products and convolutions beside PyTorch, on the same threads?

    python benchmarks/contractions.py [--only product|convolution|random] [--count 60] [--runs 9]
                                      [--threads 1] [--clock wall|cpu] [--json results.json]

Each result is checked against torch, from a poisoned output, before anything is timed; then both
take turns. With ``--threads 1 --clock cpu`` the time of the thread is counted, which a busy
machine disturbs least. Shapes are those of KernelBench's level 1 products and convolutions, scaled
to milliseconds on two cores, and random products, the same in every run: sizes of 16 to 4096, half
of them odd, of both transpositions, 2^22 to 2^29 multiplications.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contraction_programs import ConvolutionShape, einsum_program, einsum_shapes

from pharos.toolchain import Request, build, load, mlir_payload

# Of random products, and how many multiplications they have: milliseconds on two cores.
SEED, LEAST, MOST = 8, 1 << 22, 1 << 29
# einsum, sizes of its letters
PRODUCTS: list[tuple[str, dict[str, int]]] = [
    ("mk,kn->mn", {"m": 1024, "n": 1024, "k": 1024}),
    ("mk,kn->mn", {"m": 2048, "n": 2048, "k": 2048}),
    ("mk,kn->mn", {"m": 512, "n": 1024, "k": 2048}),
    ("bmk,bkn->bmn", {"b": 16, "m": 128, "n": 512, "k": 256}),
    ("mk,kn->mn", {"m": 256, "n": 256, "k": 16384}),
    ("mk,kn->mn", {"m": 4096, "n": 4096, "k": 32}),
    ("mk,kn->mn", {"m": 1000, "n": 777, "k": 531}),
    ("mk,kn->mn", {"m": 16384, "n": 32, "k": 1024}),
    ("mk,kn->mn", {"m": 32, "n": 4096, "k": 4096}),
    ("bmk,kn->bmn", {"b": 16, "m": 256, "n": 768, "k": 512}),
    ("bijk,kn->bijn", {"b": 2, "i": 32, "j": 64, "n": 384, "k": 128}),
    ("km,kn->mn", {"m": 1024, "n": 1024, "k": 1024}),
    ("mk,nk->mn", {"m": 1024, "n": 1024, "k": 1024}),
    ("km,nk->mn", {"m": 1024, "n": 1024, "k": 1024}),
    ("mk,nk->mn", {"m": 64, "n": 3072, "k": 768}),
    ("bhqd,bhkd->bhqk", {"b": 2, "h": 12, "q": 256, "k": 256, "d": 64}),
    ("bhqk,bhkd->bhqd", {"b": 2, "h": 12, "q": 256, "k": 256, "d": 64}),
    ("mk,kn->mn", {"m": 4096, "n": 1024, "k": 256}),
]
# Threads of one wait at the end of its work in a loop for a while, on the core of the other's.
ASLEEP = 0.01
# images, channels, sizes, filters, window, stride, dilation, groups
CONVOLUTIONS: list[tuple[int, int, tuple[int, ...], int, tuple[int, ...], int, int, int]] = [
    (8, 64, (58, 58), 64, (3, 3), 1, 1, 1),
    (8, 128, (30, 30), 128, (3, 3), 1, 1, 1),
    (8, 256, (16, 16), 256, (3, 3), 1, 1, 1),
    (8, 512, (9, 9), 512, (3, 3), 1, 1, 1),
    (4, 3, (230, 230), 64, (7, 7), 2, 1, 1),
    (4, 3, (227, 227), 96, (11, 11), 4, 1, 1),
    (4, 3, (226, 226), 64, (3, 3), 1, 1, 1),
    (8, 64, (57, 57), 128, (3, 3), 2, 1, 1),
    (8, 64, (56, 56), 256, (1, 1), 1, 1, 1),
    (8, 256, (56, 56), 64, (1, 1), 1, 1, 1),
    (8, 256, (28, 28), 512, (1, 1), 2, 1, 1),
    (8, 32, (64, 64), 64, (3, 3), 1, 2, 1),
    (8, 64, (58, 58), 128, (3, 3), 1, 1, 4),
    (8, 32, (128, 66), 64, (3, 5), 1, 1, 1),
    (8, 48, (31, 31), 96, (5, 5), 1, 1, 1),
    (2, 16, (18, 34, 34), 32, (3, 3, 3), 1, 1, 1),
    (2, 3, (20, 66, 66), 64, (3, 5, 7), 1, 1, 1),
    (2, 16, (17, 33, 33), 64, (3, 3, 3), 2, 1, 1),
    (16, 64, (4098,), 128, (3,), 1, 1, 1),
    (16, 64, (4098,), 128, (3,), 2, 2, 1),
]


# Name, program, the shapes of its arrays, torch's function, and operations.
Case = tuple[str, str, list[tuple[int, ...]], Callable[..., Any], float]


def products(options: argparse.Namespace) -> Iterator[Case]:
    """The cases of the products."""
    return (product(spec, sizes) for spec, sizes in PRODUCTS)


def random_products(options: argparse.Namespace) -> Iterator[Case]:
    """The same of ``options.count`` random products."""
    source, found = random.Random(SEED), 0
    while found < options.count:
        sizes = {letter: _size(source) for letter in "mnk"}
        spec = f"{source.choice(('mk', 'km'))},{source.choice(('kn', 'nk'))}->mn"
        if LEAST <= sizes["m"] * sizes["n"] * sizes["k"] <= MOST:
            found += 1
            yield product(spec, sizes)


def _size(source: random.Random) -> int:
    """From 16 to 4096, small ones as often as large ones; odd, or a multiple of 16."""
    size = round(2 ** source.uniform(4, 12))
    return min(size | 1, 4095) if source.random() < 0.5 else max(16, size // 16 * 16)


def product(spec: str, sizes: dict[str, int]) -> Case:
    """The case of one einsum."""
    sides = spec.split("->")[0].split(",")
    name = f"{spec} {'x'.join(map(str, sizes.values()))}"
    work = 2.0 * float(np.prod([float(n) for n in sizes.values()]))

    def call(a: Any, b: Any) -> Any:
        if len(spec) > len("mk,kn->mn"):
            return torch.einsum(spec, a, b)
        return (a.T if sides[0] == "km" else a) @ (b.T if sides[1] == "nk" else b)

    return name, einsum_program(spec, sizes), einsum_shapes(spec, sizes), call, work


def convolutions(options: argparse.Namespace) -> Iterator[Case]:
    """The same of each convolution."""
    for n, c, sizes, f, window, stride, dilation, groups in CONVOLUTIONS:
        rank = len(sizes)
        shape = ConvolutionShape(n, c, sizes, f, window, stride, dilation, groups)
        text, shapes = shape.program(), shape.shapes
        call = getattr(torch.nn.functional, f"conv{rank}d")

        def run(a: Any, b: Any, call: Any = call, options: Any = (stride, dilation, groups)) -> Any:
            stride, dilation, groups = options
            a, b = a.flatten(1, 2), b.flatten(0, 1)
            return call(a, b, stride=stride, dilation=dilation, groups=groups)

        name = f"conv{rank}d {n}x{c}x{'x'.join(map(str, sizes))} f{f} k{'x'.join(map(str, window))}"
        name += f" s{stride} d{dilation} g{groups}"
        yield (
            name,
            text,
            shapes,
            run,
            2.0 * float(np.prod(shapes[2])) * float(np.prod(shapes[1][2:])),
        )


def measure(case: Any, threads: int, runs: int, clock: Callable[[], float]) -> dict[str, Any]:
    """Check one case, then time both in turns."""
    name, text, shapes, call, work = case
    inputs = [torch.randn(shape) for shape in shapes[:2]]
    artifact = build(mlir_payload(text), Request(parameters={"threads": threads}))
    function = load(artifact.artifact)
    expected = call(*inputs)
    result = np.full(tuple(expected.shape), np.nan, np.float32)
    arguments = [x.numpy() for x in inputs]
    shaped = result.reshape(shapes[2])
    function.call("f", *arguments, shaped)
    error = float(np.abs(result - expected.numpy()).max() / np.abs(expected.numpy()).max())
    if not error < 1e-4:
        raise SystemExit(f"{name}: wrong result, relative error {error}")
    bound = function.bind("f", *arguments, shaped)
    ours, theirs = list[float](), list[float]()
    for _ in range(runs):
        for times, one in ((theirs, lambda: call(*inputs)), (ours, bound)):
            time.sleep(ASLEEP)
            one()
            start = clock()
            one()
            times.append(clock() - start)
    return {
        "name": name,
        "gflops": work / min(ours) / 1e9,
        "ms": min(ours) * 1e3,
        "torch ms": min(theirs) * 1e3,
        "ratio of minima": min(theirs) / min(ours),
        "ratio of medians": statistics.median(theirs) / statistics.median(ours),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["product", "convolution", "random"])
    parser.add_argument("--count", type=int, default=60, help="of random products")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    clock = time.perf_counter if options.clock == "wall" else time.thread_time
    groups = {"product": products, "convolution": convolutions, "random": random_products}
    rows = []
    print(f"{'':44} {'ours ms':>9} {'torch ms':>9} {'GFLOP/s':>8} {'min':>6} {'median':>6}")
    for kind, cases in groups.items():
        found = []
        for case in cases(options) if options.only in (None, kind) else ():
            row = measure(case, options.threads, options.runs, clock)
            found.append(row)
            numbers = f"{row['ms']:9.2f} {row['torch ms']:9.2f} {row['gflops']:8.1f}"
            ratios = f"{row['ratio of minima']:6.2f} {row['ratio of medians']:6.2f}"
            print(f"{row['name']:44} {numbers} {ratios}", flush=True)
        if found:
            times = [row["ratio of minima"] for row in found]
            mean, median = statistics.geometric_mean(times), statistics.median(times)
            print(
                f"{kind}: torch's time over ours, median {median:.3f}, geometric mean {mean:.3f}, "
                f"least {min(times):.2f}\n",
                flush=True,
            )
        rows += found
    if options.json:
        options.json.write_text(json.dumps({"threads": options.threads, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
