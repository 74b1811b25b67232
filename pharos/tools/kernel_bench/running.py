"""Run the problems, keep the history, print the report."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pharos import __version__
from pharos.core.errors import UserError
from pharos.kernelbench import against, harness, history
from pharos.kernelbench.options import Options
from pharos.kernelbench.rows import Row
from pharos.kernelbench.run_folder import RunFolder, in_order
from pharos.kernelbench.selection import own_suite, public_suite, select
from pharos.kernelbench.summary import Summary, summarize
from pharos.runtime.crew import Limits
from pharos.tools.console import print_json, remark
from pharos.tools.kernel_bench import show
from pharos.tools.kernel_bench.asked import Files
from pharos.tools.kernel_bench.progress import Progress

RUNS = Path("pharos-runs")
NOT_CORRECT = 3


@dataclass(frozen=True)
class Asked:
    """Which problems, where, and how many at a time."""

    problems: tuple[str, ...]
    kernelbench: Path | None
    run: Path | None
    against: str | None
    jobs: int
    retry: bool
    limits: Limits


def run(asked: Asked, options: Options, files: Files, *, as_json: bool) -> int:
    """Run and report; the exit status. Without problems the run that is there is reported."""
    if asked.problems:
        folder, rows = _new_rows(asked, options, files, as_json)
    else:
        folder = RunFolder(_named(asked.run))
        rows = folder.rows()
        folder.about()  # raises for a folder that holds no run
    summary = summarize(rows)
    if asked.problems:
        history.append(folder.root.parent / history.NAME, _entry(folder, summary))
    compared = None if asked.against is None else _compared(asked.against, folder, rows)
    if as_json:
        print_json(_document(folder, rows, summary, compared))
    else:
        show.report(folder, rows, summary)
        if compared is not None:
            show.comparison(asked.against or "", compared)
    return 0 if summary.all_correct else NOT_CORRECT


def _new_rows(
    asked: Asked, options: Options, files: Files, as_json: bool
) -> tuple[RunFolder, list[Row]]:
    checkout = asked.kernelbench
    suite = own_suite if checkout is None else lambda: public_suite(checkout)
    tasks = select(asked.problems, suite)
    folder = RunFolder(asked.run or RUNS / time.strftime("%Y%m%d-%H%M%S"))
    folder.begin(options, _about(options, asked))
    wanted = files.wanted(folder.root)
    work = harness.Run(tasks, options, wanted, folder, asked.limits, asked.jobs, asked.retry)
    with Progress(len(tasks), quiet=as_json) as progress:
        try:
            return folder, in_order(harness.run(work, progress))
        except KeyboardInterrupt:
            remark(f"interrupted; --run {folder.root} with the same options goes on")
            raise


def _about(options: Options, asked: Asked) -> dict[str, Any]:
    from pharos import toolchain

    facts = toolchain.target(options.target).summary()
    return {
        "pharos": __version__,
        "began": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": {"node": platform.machine(), "facts": facts},
        "limits": asdict(asked.limits),
        "kernelbench": str(asked.kernelbench) if asked.kernelbench else None,
    }


def _named(folder: Path | None) -> Path:
    if folder is None:
        raise UserError(
            "expected a PROBLEM, or --run DIR to print that run, found neither",
            hint="pharos kernel-bench --help shows examples",
        )
    return folder


def _entry(folder: RunFolder, summary: Summary) -> dict[str, Any]:
    about = folder.about()
    kept = {key: about[key] for key in ("pharos", "began", "options")}
    return {"run": str(folder.root.resolve()), **kept, "summary": summary.record()}


def _compared(word: str, folder: RunFolder, rows: list[Row]) -> against.Comparison:
    root = Path(word)
    if word == "last":
        root = history.last(folder.root.parent / history.NAME, folder.root)
    before = RunFolder(root)
    before.about()  # raises for a folder that holds no run
    return against.compare(before.rows(), rows)


def _document(
    folder: RunFolder, rows: list[Row], summary: Summary, compared: against.Comparison | None
) -> dict[str, Any]:
    document = {**folder.about(), "run": str(folder.root), "rows": rows}
    document["summary"] = summary.record()
    if compared is not None:
        document["against"] = compared.record()
    return document
