"""What a run tells while it goes on, on stderr: a bar in a terminal, a line per row elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from pharos.kernelbench.rows import CORRECT, Row
from pharos.tools.console import remark
from pharos.tools.kernel_bench.texts import seconds_text, speed_text


class Progress:
    """A ``harness.Watcher``; a context whose end removes the bar."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total = total
        self._done = 0
        self._wrong = 0
        self._quiet = quiet
        self._bar: Any = None
        self._running: dict[str, str] = {}

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() and not self._quiet:
            self._bar = _bar(self._total)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, key: str, step: str) -> None:
        """The problem ``key`` begins ``step``."""
        self._running[key] = step
        self._draw()

    def row(self, row: Row) -> None:
        """A row is there."""
        self._done += 1
        self._wrong += row["status"] != CORRECT
        self._running.pop(row["problem"], None)
        line = f"{self._done}/{self._total} {row['problem']} {row['name']}: {_told(row)}"
        if self._bar is not None:
            if row["status"] != CORRECT:
                self._bar.console.print(line, markup=False, highlight=False)
        elif not self._quiet:
            remark(line)
        self._draw()

    def _draw(self) -> None:
        if self._bar is not None:
            now = ", ".join(f"{key} {step}" for key, step in self._running.items())
            text = f"{self._wrong} not correct; {now}"
            self._bar.update(self._bar.task_ids[0], completed=self._done, description=text)
            self._bar.refresh()


def _told(row: Row) -> str:
    """The row in a few words."""
    if row["status"] != CORRECT:
        message = row["message"].strip().split("\n")[0]
        return f"{row['status']} in {row['step']}: {message}"
    parts = [row["status"], f"compiled in {seconds_text(row['compile_seconds'])} s"]
    if row["times"]:
        parts.append(f"{speed_text(row)} x eager")
    return ", ".join(parts)


def _bar(total: int) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    # Drawn only when told to: a thread that draws would be missing in the processes we fork.
    bar = Progress(
        MofNCompleteColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        auto_refresh=False,
    )
    bar.add_task("", total=total)
    return bar
