"""Run the problems, keep the history, print the report."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from pharos.kernelbench import harness, history
from pharos.kernelbench.options import Options
from pharos.kernelbench.report import check_report, write_report
from pharos.kernelbench.rows import Row
from pharos.kernelbench.run_folder import RunFolder
from pharos.kernelbench.selection import own_suite, public_suite, select
from pharos.kernelbench.summary import summarize
from pharos.runtime.crew import Limits
from pharos.tools.console import print_json, remark
from pharos.tools.kernel_bench import records, show
from pharos.tools.kernel_bench.asked import Files
from pharos.tools.kernel_bench.progress import Progress

RUNS = Path("pharos-runs")
NOT_CORRECT = 3
_FEW = 2


@dataclass(frozen=True)
class Asked:
    """Which problems, where, and how many at a time."""

    problems: tuple[str, ...]
    kernelbench: Path | None
    run: Path | None
    against: str | None
    report: Path | None
    jobs: int
    retry: bool
    limits: Limits


def run(asked: Asked, options: Options, files: Files, *, as_json: bool) -> int:
    """Run and report; the exit status. Without problems the run that is there is reported."""
    if asked.report is not None:
        check_report(asked.report, timed=options.benchmark or not asked.problems)
    if asked.problems:
        folder, rows = _new_rows(asked, options, files, as_json)
    else:
        folder = RunFolder(records.named(asked.run))
        rows = folder.rows()
        folder.about()  # raises for a folder that holds no run
    summary = summarize(rows)
    if asked.problems:
        history.append(folder.root.parent / history.NAME, records.entry(folder, summary))
    compared = None if asked.against is None else records.compared(asked.against, folder, rows)
    pages = [] if asked.report is None else write_report(folder, rows, asked.report)
    if as_json:
        print_json(records.document(folder, rows, summary, compared))
    else:
        show.report(folder, rows, summary)
        if compared is not None:
            show.comparison(asked.against or "", compared)
        show.pages(pages)
    return 0 if summary.all_correct else NOT_CORRECT


def _new_rows(
    asked: Asked, options: Options, files: Files, as_json: bool
) -> tuple[RunFolder, list[Row]]:
    checkout = asked.kernelbench
    suite = own_suite if checkout is None else lambda: public_suite(checkout)
    tasks = select(asked.problems, suite)
    folder = RunFolder(asked.run or RUNS / time.strftime("%Y%m%d-%H%M%S"))
    # A few problems are not worth the seconds that a roofline's roof takes.
    roof = asked.report is not None or len(tasks) > _FEW
    folder.begin(options, lambda: records.about(options, asked.limits, checkout, roof=roof))
    wanted = files.wanted(folder.root)
    work = harness.Run(tasks, options, wanted, folder, asked.limits, asked.jobs, asked.retry)
    with Progress(len(tasks), quiet=as_json) as progress:
        try:
            return folder, harness.run(work, progress)
        except KeyboardInterrupt:
            remark(f"interrupted; --run {folder.root} with the same options goes on")
            raise
