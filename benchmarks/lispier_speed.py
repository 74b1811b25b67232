"""How fast is Lispier's front end, and how soon does a small program run?

    python benchmarks/lispier_speed.py [--kilobytes 90] [--runs 7] [--json results.json]

Generates a program of that size, with what big programs are made of (nested loops, calls, prints,
pointers, linalg with bodies), and times reading, expanding, and lowering it to verified MLIR, MLIR
being loaded. Then runs a ten-line program with ``lispier run``, in a process of its own each time:
cold, with an empty cache, and with its code in the cache; as a whole, and from when the interpreter
has started. Medians of ``--runs``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pharos import ir, lisp

_UNIT = """
(defn scale_{n} [(: x memref<?x64xf32>) (: y memref<64xf32>) (: factor f32) (: count i64)] -> i64
  (def rows (memref.dim x (: 0 index)))
  (def total (scf.for {{:result i64}} (: 0 index) rows (: 1 index) (: 0 i64)
    (region (block [(: i index) (: so-far i64)]
      (scf.for (: 0 index) (: 64 index) (: 1 index)
        (region (block [(: j index)]
          (def v (arith.mulf (memref.load x i j) factor))
          (memref.store (arith.addf v (memref.load y j)) x i j)
          (scf.yield))))
      (scf.yield (+i so-far (arith.index_cast {{:result i64}} i)))))))
  (linalg.generic {{:ins 1 :outs 1
                   :indexing_maps [affine_map<(d0) -> (d0)> affine_map<(d0) -> (d0)>]
                   :iterator_types ["parallel"]}}
    y y
    (region (block [(: a f32) (: b f32)] (linalg.yield (arith.mulf a b)))))
  (def memory (call !llvm.ptr malloc (: 64 i64)))
  (ptr-store! total (ptr-at i64 memory (: 3 i64)))
  (when (>i count 0)
    (println "row {n} of %ld: %f" count (arith.extf {{:result f64}} (memref.load y 0))))
  (def next (if {{:result i64}} (and (>i total 10) (<i total 1000))
    (let [half (/i total 2)] (+i half 1))
    (ptr-load i64 (ptr-at i64 memory (: 3 i64)))))
  (func.return next))
"""
_HEAD = """(require-dialect arith func linalg memref scf)
(extern-fn malloc (-> [i64] [!llvm.ptr]))
"""
SMALL = """(require-dialect arith func memref)
(defn square-sum [(: n i64)] -> i64
  (def sum (memref.alloca {:result memref<i64>}))
  (memref.store 0 sum)
  (for [i 0 10]
    (def v (arith.index_cast {:result i64} i))
    (memref.store (+ (memref.load sum) (* v n)) sum))
  (func.return (memref.load sum)))
(defn main [] -> i64
  (func.return (call i64 square-sum (: 3 i64))))
"""
SMALL_RESULT = "135\n"
# Where Python can be told to note the time at which it runs its first line.
_STARTED = "import sys, time; t = time.perf_counter(); "
_COMMAND = (
    "from pharos.tools.lispier.cli import main\n"
    "try:\n    main(['run', sys.argv[1]])\n"
    "finally:\n    sys.stderr.write(f'{time.perf_counter() - t}')"
)


def program(size: int) -> str:
    """A program of at least ``size`` bytes."""
    parts = [_HEAD]
    length = len(_HEAD)
    while length < size:
        parts.append(_UNIT.format(n=len(parts)))
        length += len(parts[-1])
    return "".join(parts)


def median(step: Callable[[], object], runs: int) -> float:
    """Seconds that ``step`` takes."""
    samples = []
    for _ in range(runs):
        start = time.perf_counter()
        step()
        samples.append(time.perf_counter() - start)
    return statistics.median(samples)


def front_end(size: int, runs: int) -> dict[str, float]:
    """Seconds of the steps from a text of ``size`` bytes to verified MLIR."""
    text = program(size)
    loaded = lisp.load_text(text, "<program>")
    ir.verify(lisp.lower(loaded))  # loads MLIR, and checks what is timed
    return {
        "read": median(lambda: lisp.read(text, "<program>"), runs),
        "read and expand": median(lambda: lisp.load_text(text, "<program>"), runs),
        "lower and verify": median(lambda: lisp.lower(loaded), runs),
        "read, expand, lower and verify": median(
            lambda: lisp.lower(lisp.load_text(text, "<program>")), runs
        ),
    }


def whole_runs(runs: int) -> dict[str, float]:
    """Seconds of ``lispier run`` on a ten-line program: whole, and after Python's start."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "small.lisp")
        path.write_text(SMALL)
        _run(path, Path(folder, "warm-up"))  # Python compiles the modules
        empty = [_run(path, Path(folder, f"cache-{n}")) for n in range(runs)]
        full = [_run(path, Path(folder, "cache-0")) for _ in range(runs)]
    return {
        f"{name}, {part}": statistics.median(sample[index] for sample in samples)
        for name, samples in (("cold", empty), ("cached", full))
        for index, part in enumerate(("whole process", "after start-up"))
    }


def _run(path: Path, cache: Path) -> tuple[float, float]:
    """Seconds of one process, and of it after the interpreter has started."""
    environment = {**os.environ, "PHAROS_CACHE": str(cache)}
    # Compiled modules are kept, whatever this shell says, and away from the project.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(cache.parent / "pycache")
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _STARTED + _COMMAND, str(path)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    whole = time.perf_counter() - start
    if done.stdout != SMALL_RESULT:
        raise SystemExit(f"expected {SMALL_RESULT!r}, found {done.stdout!r}")
    return whole, float(done.stderr)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time Lispier's front end and small programs.")
    parser.add_argument("--kilobytes", type=int, default=90)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    size = options.kilobytes * 1000
    front = front_end(size, options.runs)
    small = whole_runs(options.runs)
    print(f"a program of {len(program(size)) / 1000:.0f} kB")
    _print(front)
    print("a program of ten lines")
    _print(small)
    if options.json:
        machine = {"machine": platform.machine(), "cores": os.cpu_count()}
        data = {**machine, "runs": options.runs, "front_end": front, "small": small}
        options.json.write_text(json.dumps(data, indent=2) + "\n")


def _print(seconds: dict[str, float]) -> None:
    for name, value in seconds.items():
        print(f"  {name:32}{value * 1000:8.0f} ms")


if __name__ == "__main__":
    main()
