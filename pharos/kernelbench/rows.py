"""Rows of the report: plain data, one per problem, as the run directory keeps them.

``status`` is one of those below. ``times`` maps "ours" (called like the model), "bound" (inputs
and outputs given, the code alone), "eager" and peers to warm and cold times in seconds.
``compile_cpu_seconds`` is processor time, which other processes on the machine do not stretch.
``work`` holds what a call has to do at least: "flops", and "bytes" of weights, inputs and results.
"""

from __future__ import annotations

from typing import Any

from pharos.kernelbench.selection import Task

Row = dict[str, Any]

CORRECT = "correct"
WRONG = "wrong"  # it ran, and what it computed is not right
REFUSED = "refused"  # a UserError: we said that we cannot, and why
FAILED = "failed"  # an error of ours
CRASH = "crash"  # the process ended by itself
TIME_OUT = "time-out"
MEMORY = "memory"
PROBLEM = "problem"  # PyTorch itself does not run it
STATUSES = (CORRECT, WRONG, REFUSED, FAILED, CRASH, TIME_OUT, MEMORY, PROBLEM)


def new(task: Task) -> Row:
    """A row about which nothing is known yet."""
    return {
        "problem": task.key,
        "name": task.name,
        "path": str(task.path) if task.path else None,
        "status": FAILED,
        "step": "",
        "message": "",
        "changes": [],
        "notes": [],
        "import_seconds": None,
        "compile_seconds": None,
        "compile_cpu_seconds": None,
        "code_bytes": None,
        "stages": [],
        "check": {},
        "times": {},
        "work": {},
        "peers": {},
        "files": [],
        "shown": [],
        "seconds": 0.0,
        "peak_bytes": 0,
    }


def end(row: Row, status: str, message: str, step: str) -> None:
    """``row`` ends in ``step`` with that status."""
    row.update(status=status, message=message, step=step)


def speed_up(row: Row, over: str = "eager", caches: str = "warm") -> float | None:
    """How many times as fast as ``over`` ours is, by medians; None where it was not timed."""
    times = row["times"]
    if "ours" not in times or over not in times:
        return None
    ours: float = times["ours"][caches]["median"]
    other: float = times[over][caches]["median"]
    return other / ours
