"""How fast is fused attention beside PyTorch's, on the same threads, and how much memory it takes?

    python benchmarks/attention.py [--only TEXT] [--runs 15] [--threads 2] [--clock wall|cpu]
                                   [--json results.json]
    python benchmarks/attention.py --memory

Payloads are the builder's ``attention`` on tensors: two products, a softmax, masks; that they are
fused is checked. Each result is compared with float64 in a few rows before anything is timed; then
both take turns, each after 10 ms of calls that are not timed, ours bound to its arrays (``call``
takes 0.1 ms more to check them). With
``--threads 1 --clock cpu`` the time of the thread is counted, which a busy machine disturbs least.
``--memory`` measures by how much the process grows at most during a call, after the call's inputs
are there and code is compiled.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import torch

from pharos.toolchain import Request, build, builder_payload, load, make_plan

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
TOLERANCE = {"f32": 1e-5, "bf16": 2e-2}
PREFILL = ((1, 12, 1024, 1024, 64), (1, 32, 2048, 2048, 128))
DECODE = ((1, 32, 1, 1024, 128), (1, 32, 1, 4096, 128), (1, 12, 1, 1024, 64), (1, 12, 1, 4096, 64))


@dataclass(frozen=True)
class Case:
    """(batch, heads, queries, keys, depth), the type, and whether a causal mask is there."""

    shape: tuple[int, int, int, int, int]
    dtype: str
    causal: bool = False

    @property
    def name(self) -> str:
        batch, heads, queries, keys, depth = self.shape
        kind = "causal" if self.causal else "decode" if queries == 1 else "full"
        return f"{batch}x{heads}x{queries}x{depth}, {keys} keys, {self.dtype}, {kind}"

    @property
    def work(self) -> float:
        """Floating-point operations of the products; half of them with a causal mask."""
        batch, heads, queries, keys, depth = self.shape
        return 4.0 * batch * heads * queries * keys * depth * (0.5 if self.causal else 1.0)


CASES = (
    *(Case(s, t, c) for s in PREFILL for t in TYPES for c in (False, True)),
    *(Case(s, t) for s in DECODE for t in TYPES),
)


def compiled(case: Case, threads: int) -> Any:
    """Our function; an error where the attention stays in parts."""
    batch, heads, queries, keys, depth = case.shape
    sizes = {"batch": batch, "heads": heads, "queries": queries, "keys": keys, "depth": depth}
    payload = builder_payload("attention", **sizes, dtype=case.dtype, causal=case.causal)
    request = Request(parameters={"threads": threads})
    if not re.search(r"key_tile = ", make_plan(payload, request).explain()):
        raise SystemExit(f"{case.name}: the plan says nothing of an attention")
    return load(build(payload, request).artifact)


def inputs(case: Case) -> list[torch.Tensor]:
    batch, heads, queries, keys, depth = case.shape
    shapes = [(batch, heads, n, depth) for n in (queries, keys, keys)]
    return [torch.randn(shape).to(TYPES[case.dtype]) for shape in shapes]


def arrays(tensors: list[torch.Tensor]) -> list[np.ndarray]:
    """The same memory as numpy sees it."""
    if tensors[0].dtype == torch.float32:
        return [tensor.numpy() for tensor in tensors]
    return [tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16) for tensor in tensors]


def check(case: Case, tensors: list[torch.Tensor], found: Any) -> None:
    """Compare four rows of the first and of the last head with float64."""
    q, k, v = (tensor[0, [0, -1]].double() for tensor in tensors)
    rows = sorted({0, q.shape[1] // 3, q.shape[1] // 2, q.shape[1] - 1})
    scores = q[:, rows] @ k.mT / q.shape[-1] ** 0.5
    if case.causal:
        hidden = torch.arange(k.shape[1])[None] > torch.tensor(rows)[:, None]
        scores = scores.masked_fill(hidden, -torch.inf)
    wanted = (scores.softmax(-1) @ v).numpy()
    ours = np.asarray(found)[0][[0, -1]][:, rows].astype(np.float64)
    error = np.abs(ours - wanted).max()
    if not error < TOLERANCE[case.dtype]:
        raise SystemExit(f"{case.name}: wrong result, error {error}")


def measure(case: Case, threads: int, runs: int, clock: Callable[[], float]) -> dict[str, Any]:
    """Check one case, then time both in turns."""
    tensors = inputs(case)
    ours = compiled(case, threads).bind("attention", *arrays(tensors))
    theirs = torch.nn.functional.scaled_dot_product_attention
    check(case, tensors, ours())
    theirs(*tensors, is_causal=case.causal)
    taken: dict[str, list[float]] = {"ours": [], "torch": []}
    calls = {"torch": lambda: theirs(*tensors, is_causal=case.causal), "ours": ours}
    for _ in range(runs):
        for name, call in calls.items():
            settle(call)
            start = clock()
            call()
            taken[name].append(clock() - start)
    best = {name: min(times) for name, times in taken.items()}
    middle_of = {name: statistics.median(times) for name, times in taken.items()}
    return {
        "name": case.name,
        "ms": best["ours"] * 1e3,
        "torch ms": best["torch"] * 1e3,
        "gflops": case.work / best["ours"] / 1e9,
        "ratio of minima": best["torch"] / best["ours"],
        "ratio of medians": middle_of["torch"] / middle_of["ours"],
    }


def settle(call: Callable[[], Any]) -> None:
    """Call until the other one's threads have fallen asleep: for milliseconds they wait for work
    without leaving the processor."""
    end = time.perf_counter() + 0.01
    call()
    while time.perf_counter() < end:
        call()


def speed(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All cases, and how much faster causal ones are than the same without a mask."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    clock = time.perf_counter if options.clock == "wall" else time.thread_time
    print(f"{'':44} {'ours ms':>9} {'torch ms':>9} {'GFLOP/s':>8} {'min':>6} {'median':>6}")
    rows = []
    for case in CASES:
        if options.only and options.only not in case.name:
            continue
        row = measure(case, options.threads, options.runs, clock)
        numbers = f"{row['ms']:9.2f} {row['torch ms']:9.2f} {row['gflops']:8.1f}"
        ratios = f"{row['ratio of minima']:6.2f} {row['ratio of medians']:6.2f}"
        print(f"{row['name']:44} {numbers} {ratios}", flush=True)
        rows.append(row)
    known = {row["name"]: row for row in rows}
    for name, row in known.items():
        full = known.get(name.replace("causal", "full"))
        if "causal" in name and full is not None:
            ours, theirs = (full[key] / row[key] for key in ("ms", "torch ms"))
            print(f"{name}: {ours:.2f} times faster than full, torch {theirs:.2f}")
    return rows


def grown(keys: int, which: str) -> None:
    """Print the growth of this process in KiB during a call of ours or of torch's."""
    torch.set_num_threads(2)
    case = Case((1, 1, keys, keys, 64), "f32", causal=which.endswith("causal"))
    tensors = inputs(case)
    theirs = torch.nn.functional.scaled_dot_product_attention
    call: Callable[[], Any] = lambda: theirs(*tensors, is_causal=case.causal)  # noqa: E731
    if which.startswith("ours"):
        function, own = compiled(case, 2), arrays(tensors)
        call = lambda: function.call("attention", *own)  # noqa: E731
    ctypes.CDLL(None).malloc_trim(0)  # or what compiling has freed would be used again
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    call()
    print(_memory("VmHWM") - before)


def _memory(name: str) -> int:
    """A size of this process in KiB, of proc(5)."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise SystemExit(f"/proc/self/status has no {name}")
    return int(found[1])


def memory() -> None:
    """The growth at several lengths, each in a process of its own, with what it must hold at
    least (the result) and what all scores would take."""
    print(f"{'keys':>6} {'result':>8} {'ours':>8} {'causal':>8} {'torch':>8} {'scores':>9}  (KiB)")
    for keys in (4096, 8192, 16384):
        found = []
        for which in ("ours", "ours causal", "torch"):
            command = [sys.executable, __file__, "--grown", str(keys), which]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found.append(int(output.split()[-1]))
        sizes = " ".join(f"{size:8}" for size in (keys * 64 * 4 >> 10, *found))
        print(f"{keys:6} {sizes} {keys * keys * 4 >> 10:9}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a part of the names of cases")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--grown", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.grown:
        grown(int(options.grown[0]), options.grown[1])
    elif options.memory:
        memory()
    else:
        rows = speed(options)
        if options.json:
            found = {"threads": options.threads, "clock": options.clock, "rows": rows}
            options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
