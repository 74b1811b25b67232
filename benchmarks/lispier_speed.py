"""How fast is Lispier's front end, and how soon does a small program run?

    python benchmarks/lispier_speed.py [--kilobytes 90] [--runs 7] [--json results.json]

Generates a program of that size, with what big programs are made of (nested loops, calls, prints,
pointers, linalg with bodies), and times reading, expanding, and lowering it to verified MLIR, MLIR
being loaded. Then runs a ten-line program with ``lispier run``, in a process of its own each time:
cold, with an empty cache, and with its code in the cache; from the start of the process to its end,
and from when the interpreter has started. Beside them, an interpreter that does nothing. Prints the
minimum and the median of ``--runs`` in milliseconds, for processes also those of the time that
processors worked for them, and how busy the machine was: others that use it add to all times, least
to the minimum.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

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
_NOTHING = "sys.stderr.write(f'{time.perf_counter() - t}')"
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


class Taken(NamedTuple):
    """Seconds that something took: the least, and the median."""

    min: float
    median: float

    @staticmethod
    def of(samples: Sequence[float]) -> Taken:
        """Of all runs."""
        return Taken(min(samples), statistics.median(samples))


def measured(step: Callable[[], object], runs: int) -> Taken:
    """Seconds that ``step`` takes."""
    samples = []
    for _ in range(runs):
        start = time.perf_counter()
        step()
        samples.append(time.perf_counter() - start)
    return Taken.of(samples)


def front_end(size: int, runs: int) -> dict[str, Taken]:
    """Seconds of the steps from a text of ``size`` bytes to verified MLIR."""
    text = program(size)
    loaded = lisp.load_text(text, "<program>")
    ir.verify(lisp.lower(loaded))  # loads MLIR, and checks what is timed
    return {
        "read": measured(lambda: lisp.read(text, "<program>"), runs),
        "read and expand": measured(lambda: lisp.load_text(text, "<program>"), runs),
        "lower and verify": measured(lambda: lisp.lower(loaded), runs),
        "read, expand, lower and verify": measured(
            lambda: lisp.lower(lisp.load_text(text, "<program>")), runs
        ),
    }


def whole_runs(runs: int) -> dict[str, Taken]:
    """Seconds of ``lispier run`` on a ten-line program: whole, after Python's start, of work."""
    samples: dict[str, list[Sample]] = {"cold": [], "cached": [], "interpreter alone": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "small.lisp")
        path.write_text(SMALL)
        _run(_COMMAND, path, Path(folder, "warm-up"))  # Python compiles the modules
        for number in range(runs):
            cache = Path(folder, f"cache-{number}")
            samples["cold"].append(_run(_COMMAND, path, cache))
            samples["cached"].append(_run(_COMMAND, path, cache))
            samples["interpreter alone"].append(_run(_NOTHING, path, cache))
    return {
        f"{name}, {part}": Taken.of([sample[index] for sample in taken])
        for name, taken in samples.items()
        for index, part in enumerate(("whole process", "after start-up", "processor time"))
    }


Sample = tuple[float, float, float]


def _run(command: str, path: Path, cache: Path) -> Sample:
    """Seconds of one process, of it after the interpreter has started, and of processors' work."""
    environment = {**os.environ, "PHAROS_CACHE": str(cache)}
    # Compiled modules are kept, whatever this shell says, and away from the project.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(cache.parent / "pycache")
    worked = _work_of_children()
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _STARTED + command, str(path)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    whole = time.perf_counter() - start
    if command == _COMMAND and done.stdout != SMALL_RESULT:
        raise SystemExit(f"expected {SMALL_RESULT!r}, found {done.stdout!r}")
    return whole, float(done.stderr), _work_of_children() - worked


def _work_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time Lispier's front end and small programs.")
    parser.add_argument("--kilobytes", type=int, default=90)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    size = options.kilobytes * 1000
    before = os.getloadavg()[0]
    front = front_end(size, options.runs)
    small = whole_runs(options.runs)
    busy = (before, os.getloadavg()[0])
    print(f"{'milliseconds':34}{'min':>8}{'median':>8}")
    print(f"a program of {len(program(size)) / 1000:.0f} kB")
    _print(front)
    print("a program of ten lines")
    _print(small)
    print(f"{os.cpu_count()} processors, load {busy[0]:.1f} before and {busy[1]:.1f} after")
    if options.json:
        machine = {"machine": platform.machine(), "cores": os.cpu_count(), "load": busy}
        taken = {"front_end": _plain(front), "small": _plain(small)}
        options.json.write_text(json.dumps({**machine, "runs": options.runs, **taken}, indent=2))


def _print(taken: dict[str, Taken]) -> None:
    for name, found in taken.items():
        print(f"  {name:32}{found.min * 1000:8.0f}{found.median * 1000:8.0f}")


def _plain(taken: dict[str, Taken]) -> dict[str, dict[str, float]]:
    return {name: found._asdict() for name, found in taken.items()}


if __name__ == "__main__":
    main()
