"""What is written down about a run: its beginning, its line in the history, its JSON."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pharos import __version__
from pharos.core.errors import UserError
from pharos.kernelbench import against, history
from pharos.kernelbench.options import Options
from pharos.kernelbench.rows import Row
from pharos.kernelbench.run_folder import RunFolder
from pharos.kernelbench.summary import Summary
from pharos.runtime.child import in_child
from pharos.runtime.crew import Limits


def about(options: Options, limits: Limits, checkout: Path | None, *, roof: bool) -> dict[str, Any]:
    """What is known when a run begins; with ``roof`` the machine's ceilings are measured."""
    from pharos import toolchain

    target = toolchain.target(options.target)
    return {
        "pharos": __version__,
        "began": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": {"architecture": platform.machine(), "facts": target.summary()},
        "ceilings": _ceilings(options.dtype)
        if roof and options.benchmark and target.native
        else None,
        "limits": asdict(limits),
        "kernelbench": str(checkout) if checkout else None,
    }


def _ceilings(dtype: str) -> dict[str, float]:
    """Measured in a process of its own: PyTorch's threads do not survive the forks of the run."""
    from pharos.kernelbench.ceilings import measured

    return in_child(lambda report: measured(dtype)).record()


def named(folder: Path | None) -> Path:
    """The folder of the run to print. Raises UserError when none was given."""
    if folder is None:
        raise UserError(
            "expected a PROBLEM, or --run DIR to print that run, found neither",
            hint="pharos kernel-bench --help shows examples",
        )
    return folder


def entry(folder: RunFolder, summary: Summary) -> dict[str, Any]:
    """The run's line in the history."""
    known = folder.about()
    kept = {key: known[key] for key in ("pharos", "began", "options")}
    return {"run": str(folder.root.resolve()), **kept, "summary": summary.record()}


def compared(word: str, folder: RunFolder, rows: list[Row]) -> against.Comparison:
    """``rows`` beside those of the run in the folder ``word``; "last" is the one before."""
    root = Path(word)
    if word == "last":
        root = history.last(folder.root.parent / history.NAME, folder.root)
    before = RunFolder(root)
    before.about()  # raises for a folder that holds no run
    return against.compare(before.rows(), rows)


def document(
    folder: RunFolder, rows: list[Row], summary: Summary, comparison: against.Comparison | None
) -> dict[str, Any]:
    """All of a run for JSON."""
    whole = {**folder.about(), "run": str(folder.root), "rows": rows}
    whole["summary"] = summary.record()
    if comparison is not None:
        whole["against"] = comparison.record()
    return whole
