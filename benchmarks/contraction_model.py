"""Does the cost model rank blocks of contractions as the machine does?

    python benchmarks/contraction_model.py [SIZES ...] [--runs 7] [--json results.json]

SIZES is MxNxK. For each, compiles a product of f32 matrices with the blocks that the model chooses
and with others, checks every result against numpy, and times them in turn (minimum of ``--runs``
rounds). Prints for each size: the rank correlation of estimates and measurements, the time of the
choice against the fastest of all, against the slowest, and against numpy's product.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pharos import toolchain
from pharos.core import settings
from pharos.params.blocking import Blocks, Extents, Unit, cycles
from pharos.params.contractions import NAMES, best_blocks

_OTHERS: list[dict[str, int]] = [
    {"mr": 4}, {"mr": 6}, {"mr": 8}, {"mr": 12}, {"vectors": 1}, {"vectors": 2},
    {"mr": 6, "vectors": 4}, {"kc": 64}, {"kc": 128}, {"kc": 384}, {"kc": 1024},
]  # fmt: skip


def candidates(work: Extents, unit: Unit) -> list[Blocks]:
    """The model's choice first, then others without those that are the same."""
    found = [best_blocks(work, unit)]
    for change in _OTHERS:
        fixed = {name: value for name, value in change.items() if name != "vectors"}
        if "vectors" in change:
            fixed["nr"] = change["vectors"] * unit.lanes
        if fixed.get("mr", 1) <= unit.lanes and fixed.get("kc", 1) <= work.inner:
            found.append(best_blocks(work, unit, fixed))
    return list(dict.fromkeys(found))


def compiled(m: int, n: int, k: int, blocks: Blocks, arrays: list[Any]) -> Callable[[], Any]:
    """The product with ``blocks``, checked, ready to be called again and again."""
    payload = toolchain.builder_payload("matmul", m=m, n=n, k=k)
    parameters = {f"contraction.{name}": getattr(blocks, name) for name in NAMES}
    artifact = toolchain.compile(payload, toolchain.Request(parameters=parameters))
    runner = toolchain.load(artifact)
    a, b = arrays
    np.testing.assert_allclose(runner.call("matmul", a, b), a @ b, rtol=1e-3, atol=1e-3)
    bound: Callable[[], Any] = runner.bind("matmul", a, b)
    return bound


def measured(functions: list[Callable[[], Any]], runs: int) -> list[float]:
    """The least seconds of each, taken in turn."""
    best = [float("inf")] * len(functions)
    for _ in range(runs):
        for number, function in enumerate(functions):
            start = time.perf_counter()
            function()
            best[number] = min(best[number], time.perf_counter() - start)
    return best


def correlation(first: list[float], second: list[float]) -> float:
    """Spearman's rank correlation."""
    ranks = [np.argsort(np.argsort(one)).astype(float) for one in (first, second)]
    return float(np.corrcoef(*ranks)[0, 1])


def examine(sizes: str, runs: int) -> dict[str, Any]:
    """Measure one size."""
    m, n, k = map(int, sizes.split("x"))
    facts = toolchain.target("cpu").facts()
    unit, work = Unit.of(facts, 32, settings.THREADS.get()), Extents(1, m, n, k)
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape, dtype=np.float32) for shape in ((m, k), (k, n))]
    blocks = candidates(work, unit)
    functions = [compiled(m, n, k, one, arrays) for one in blocks]
    seconds = measured([*functions, lambda: arrays[0] @ arrays[1]], runs)
    numpy_seconds = seconds.pop()
    estimates = [cycles(work, one, unit) for one in blocks]
    return {
        "sizes": sizes,
        "correlation": correlation(estimates, seconds),
        "against_best": seconds[0] / min(seconds),
        "against_worst": seconds[0] / max(seconds),
        "against_numpy": seconds[0] / numpy_seconds,
        "gflops": 2 * m * n * k / seconds[0] / 1e9,
        "candidates": [
            {**vars(one), "cycles": estimate, "seconds": taken}
            for one, estimate, taken in zip(blocks, estimates, seconds, strict=True)
        ],
    }


def main() -> None:
    """Measure all sizes and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", default=["512x512x512", "100x1000x300"])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    results = []
    print("sizes              rank corr.   /best  /worst  /numpy  GFLOP/s  blocks")
    with tempfile.TemporaryDirectory() as cache, settings.scope(CACHE=Path(cache)):
        for sizes in wanted.sizes:
            one = examine(sizes, wanted.runs)
            results.append(one)
            blocks = one["candidates"][0]
            chosen = " ".join(f"{name}={blocks[name]}" for name in NAMES)
            names = ("against_best", "against_worst", "against_numpy")
            ratios = " ".join(f"{one[name]:7.2f}" for name in names)
            head = f"{sizes:<18} {one['correlation']:10.2f} {ratios}"
            print(f"{head} {one['gflops']:8.1f}  {chosen}", flush=True)
    if wanted.json:
        wanted.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
