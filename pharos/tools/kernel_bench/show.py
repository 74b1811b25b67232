"""The report of a run as tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pharos.kernelbench import rows as statuses
from pharos.kernelbench.against import Change, Comparison
from pharos.kernelbench.rows import Row
from pharos.kernelbench.run_folder import RunFolder
from pharos.kernelbench.summary import Summary
from pharos.tools.console import print_table
from pharos.tools.kernel_bench.texts import ms_text, seconds_text, speed_text

_LONGEST = 100


def report(folder: RunFolder, rows: Sequence[Row], summary: Summary) -> None:
    """Every row, then what they come to."""
    peers = list(summary.timed)
    timed = bool(peers)
    headers = ["problem", "name", "status"]
    headers += [">ours ms", ">eager ms", *(f">x {peer}" for peer in peers)] if timed else []
    print_table([*headers, ">compile s", ""], [_cells(row, peers, timed) for row in rows])
    for row in rows:
        for text in row.get("shown", ()):
            print(f"{row['problem']}: {text}")
    print()
    print("\n".join(_totals(summary)))
    print(f"run: {folder.root}")


def pages(files: Sequence[Path]) -> None:
    """Where the page of a run and its plots are."""
    if files:
        print(f"report: {', '.join(map(str, files))}")


def _cells(row: Row, peers: Sequence[str], timed: bool) -> list[str]:
    cells = [row["problem"], row["name"], row["status"]]
    if timed:
        cells += [
            ms_text(row, "ours"),
            ms_text(row, "eager"),
            *(speed_text(row, peer) for peer in peers),
        ]
    return [*cells, seconds_text(row["compile_seconds"]), _remark(row)]


def _remark(row: Row) -> str:
    """The message of a row that is not correct, else its notes and changes; one line."""
    if row["status"] != statuses.CORRECT:
        text = f"{row['step']}: {row['message']}"
    else:
        text = "; ".join([*row["notes"], *row["changes"]])
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _totals(summary: Summary) -> list[str]:
    correct = summary.statuses.get(statuses.CORRECT, 0)
    others = [
        f"{summary.statuses[status]} {status}"
        for status in statuses.STATUSES
        if status != statuses.CORRECT and status in summary.statuses
    ]
    lines = [", ".join([f"correct: {correct} of {summary.problems}", *others])]
    if summary.compile_median is not None:
        lines.append(
            f"compile: median {seconds_text(summary.compile_median)} s, "
            f"longest {seconds_text(summary.compile_max)} s"
        )
    for peer, mean in summary.mean.items():
        fast = ", ".join(f"fast_{p:g} {share:.1%}" for p, share in summary.fast[peer].items())
        shown = "-" if mean is None else f"{mean:.3f}"
        lines.append(f"over {peer}: geometric mean {shown} ({summary.timed[peer]} timed), {fast}")
    return lines


def comparison(name: str, found: Comparison) -> None:
    """What changed against the run ``name``."""
    print(f"\nagainst {name}:")
    mean = "-" if found.mean is None else f"{found.mean:.3f}"
    print(
        f"{len(found.changes)} problems in both, {len(found.broken)} broken, {len(found.mended)} "
        f"mended; speed over eager {mean} times that of before (geometric mean)"
    )
    kinds = [("broken", found.broken), ("mended", found.mended)]
    kinds += [("slower", found.slower), ("faster", list(reversed(found.faster)))]
    rows = [_change(kind, change) for kind, changes in kinds for change in changes]
    if rows:
        print_table(["", "problem", "name", "before", "now", ">times the speed"], rows)
    for word, keys in (("only before", found.only_before), ("only now", found.only_now)):
        if keys:
            print(f"{word}: {', '.join(keys)}")


def _change(kind: str, change: Change) -> list[str]:
    ratio = "-" if change.ratio is None else f"{change.ratio:.2f}"
    return [kind, change.problem, change.name, change.before, change.now, ratio]
