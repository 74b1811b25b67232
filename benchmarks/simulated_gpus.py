"""How long simulated GPUs take: a product of 256^3 in f16 and an attention of 2 heads.

    python benchmarks/simulated_gpus.py [--runs 7]

Each payload is compiled, run on every simulated chip, compared with numpy, and timed: the first
run, which compiles the kernels for this machine, then minimum and median. All checks are on; with
PHAROS_SIM_CHECKS=none they are not.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pharos.toolchain import Request, build, load, mlir_payload
from pharos.toolchain.front_ends import builder_payload

CHIPS = (
    "nvidia:sm_80:sim",
    "nvidia:sm_90a:sim",
    "amd:gfx1100:sim",
    "amd:gfx942:sim",
    "xegpu:bmg:sim",
)
SIZE, HEADS, LENGTH, DEPTH = 256, 2, 256, 64
PRODUCT = """
func.func @main(%a: tensor<NxNxf16>, %b: tensor<NxNxf16>, %c: tensor<NxNxf32>) -> tensor<NxNxf32> {
  %0 = linalg.matmul ins(%a, %b : tensor<NxNxf16>, tensor<NxNxf16>)
                     outs(%c : tensor<NxNxf32>) -> tensor<NxNxf32>
  return %0 : tensor<NxNxf32>
}""".replace("N", str(SIZE))


def product() -> tuple[Any, tuple[Any, ...], Any]:
    """The payload, its arguments, and what is right."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, SIZE, SIZE)).astype(np.float16)
    c = rng.standard_normal((SIZE, SIZE)).astype(np.float32)
    return mlir_payload(PRODUCT), (a, b, c), a.astype(float) @ b.astype(float) + c


def attention() -> tuple[Any, tuple[Any, ...], Any]:
    """The payload, its arguments, and what is right."""
    rng = np.random.default_rng(1)
    q, k, v = rng.standard_normal((3, 1, HEADS, LENGTH, DEPTH)).astype(np.float16)
    scores = q.astype(float) @ k.astype(float).swapaxes(-1, -2) / np.sqrt(DEPTH)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    right = weights / weights.sum(-1, keepdims=True) @ v.astype(float)
    payload = builder_payload("attention", heads=HEADS, queries=LENGTH, depth=DEPTH, dtype="f16")
    return payload, (q, k, v), right


def timed(make: Callable[[], tuple[Any, tuple[Any, ...], Any]], chip: str, runs: int) -> str:
    """A line of the report. Raises AssertionError for a wrong result."""
    payload, arguments, right = make()
    runner = load(build(payload, Request(target=chip), fresh=True).artifact)
    (entry,) = runner.artifact.entries
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        found = runner.call(entry.name, *arguments)
        times.append(time.perf_counter() - start)
    np.testing.assert_allclose(found, right, rtol=1e-3, atol=1e-3)
    first, *others = (1e3 * t for t in times)
    middle = statistics.median(others)
    return f"{chip:20} first {first:7.0f} ms   min {min(others):5.0f}   median {middle:5.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    for make in (product, attention):
        print(make.__name__)
        for chip in CHIPS:
            print("  " + timed(make, chip, runs), flush=True)


if __name__ == "__main__":
    main()
