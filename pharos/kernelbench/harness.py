"""Run many problems: a process for each, limits, and rows that are kept as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from pharos.core.errors import PharosError
from pharos.kernelbench import rows
from pharos.kernelbench.options import Options, Wanted
from pharos.kernelbench.run_folder import RunFolder
from pharos.kernelbench.selection import Task
from pharos.runtime.child import ChildDied, Report
from pharos.runtime.crew import Limits, Outcome, run_crew

_FEW_LINES = 3
# For more than these it is quicker to import everything once.
_FEW_PROBLEMS = 2


class Watcher(Protocol):
    """Sees a run go on."""

    def step(self, key: str, step: str) -> None:
        """The problem ``key`` begins that step ("" for its process)."""

    def row(self, row: rows.Row) -> None:
        """A row is finished, or was there already."""


@dataclass(frozen=True)
class Run:
    """What to run and how: ``jobs`` problems at a time within ``limits``. ``retry`` works out
    again what a run that is continued had not got right."""

    tasks: tuple[Task, ...]
    options: Options
    wanted: Wanted
    folder: RunFolder
    limits: Limits
    jobs: int = 1
    retry: bool = False


Solver = Callable[[Task, Options, Wanted, Report, Callable[[rows.Row], None]], rows.Row]


def run(run: Run, watcher: Watcher, solver: Solver | None = None) -> list[rows.Row]:
    """The rows of all tasks, in their order. ``solver`` is what works one out."""
    finished = {row["problem"]: row for row in _finished(run)}
    for row in finished.values():
        watcher.row(row)
    tasks = {task.key: task for task in run.tasks if task.key not in finished}
    if tasks:
        for row in _worked_out(run, tasks, watcher, solver or _solver(run, len(tasks))):
            finished[row["problem"]] = row
    return [finished[task.key] for task in run.tasks]


def _worked_out(
    run: Run, tasks: Mapping[str, Task], watcher: Watcher, solver: Solver
) -> Iterator[rows.Row]:
    """The rows of ``tasks`` as they come, kept and shown."""
    works = ((task.key, partial(_work, solver, task, run)) for task in tasks.values())
    for outcome in run_crew(
        works,
        jobs=run.jobs,
        limits=run.limits,
        watch=lambda key, step: watcher.step(str(key), step),
    ):
        row = _row(outcome, run.folder.partial(tasks[str(outcome.key)]))
        run.folder.keep(row)
        watcher.row(row)
        yield row


def _solver(run: Run, problems: int) -> Solver:
    """What works out problems."""
    if problems > _FEW_PROBLEMS:
        from pharos.kernelbench.preload import preload

        preload(run.options.target)
    from pharos.kernelbench.work import solve

    return solve


def _finished(run: Run) -> Iterator[rows.Row]:
    for task in run.tasks:
        row = run.folder.row(task)
        if row is not None and not (run.retry and row["status"] != rows.CORRECT):
            yield row


def _work(solver: Solver, task: Task, run: Run, report: Report) -> rows.Row:
    return solver(task, run.options, run.wanted, report, run.folder.keep_partial)


def _row(outcome: Outcome, partial: rows.Row) -> rows.Row:
    """The row of a problem whose process has ended, however it did."""
    row: rows.Row = partial if outcome.value is None else outcome.value
    if outcome.stopped == "time":
        seconds = f"{outcome.seconds:.0f} s"
        rows.end(row, rows.TIME_OUT, f"ended after {seconds}", outcome.step)
    elif outcome.stopped == "memory":
        message = f"ended at {outcome.peak >> 20} MiB"
        rows.end(row, rows.MEMORY, message, outcome.step)
    elif outcome.error is not None:
        status, message = _told(outcome)
        rows.end(row, status, message, outcome.step)
    row["seconds"], row["peak_bytes"] = outcome.seconds, outcome.peak
    return row


def _told(outcome: Outcome) -> tuple[str, str]:
    error: Any = outcome.error
    if isinstance(error, ChildDied):
        lines = [line.strip() for line in outcome.output.splitlines() if line.strip()]
        return rows.CRASH, "; ".join([f"ended by {error.status}", *lines[-_FEW_LINES:]])
    if isinstance(error, MemoryError):
        return rows.MEMORY, str(error)
    text = str(error) if isinstance(error, PharosError) else f"{type(error).__name__}: {error}"
    return rows.FAILED, text


def chosen(rows_: Iterable[rows.Row], *statuses: str) -> list[rows.Row]:
    """The rows with one of those statuses."""
    return [row for row in rows_ if row["status"] in statuses]
