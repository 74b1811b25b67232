"""A run as a page: what the machine is, what the rows come to, every problem, and two plots."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pharos.core.errors import UserError
from pharos.kernelbench import rows as statuses
from pharos.kernelbench.ceilings import Ceilings
from pharos.kernelbench.rows import Row, speed_up
from pharos.kernelbench.run_folder import RunFolder
from pharos.kernelbench.summary import Summary, summarize
from pharos.pipeline.dumps import write_text

PAGE, SPEED_UPS, ROOFLINE = "report.md", "speed-ups.svg", "roofline.svg"


def check_report(to: Path, *, timed: bool) -> None:
    """Whether a run, ``timed`` or not, can be written to the folder ``to``: asked before the run,
    which may take hours. Raises UserError."""
    if importlib.util.find_spec("matplotlib") is None:
        raise UserError(
            "--report: plots need matplotlib, which is not installed",
            hint="pip install 'pharos[report]'",
        )
    if not timed:
        raise UserError(
            "--report: expected a run that is timed, found one that is not",
            hint="times are of a real device and without --no-benchmark; see pharos targets",
        )
    try:
        to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--report: cannot make the folder {to}: {error.strerror}") from None


def write_report(folder: RunFolder, rows: Sequence[Row], to: Path) -> list[Path]:
    """Write the page of a run and its plots into the folder ``to``: the files.

    Raises UserError where nothing was timed.
    """
    timed = [row for row in rows if speed_up(row) is not None]
    if not timed:
        raise UserError(
            f"--report: expected a run with times, found none in {folder.root}",
            hint="run the problems without --no-benchmark",
        )
    from pharos.kernelbench import plots

    about = folder.about()
    ceilings = _ceilings(about)
    write_text(to / SPEED_UPS, plots.speed_ups(timed))
    names = [PAGE, SPEED_UPS]
    if ceilings is not None:
        write_text(to / ROOFLINE, plots.roofline(timed, ceilings))
        names.append(ROOFLINE)
    write_text(to / PAGE, _page(about, rows, ceilings))
    return [to / name for name in names]


def floor_of(row: Row, ceilings: Ceilings | None) -> float | None:
    """The least seconds that a call of the row's problem can take with cold caches."""
    work = row.get("work")
    return ceilings.floor(work["flops"], work["bytes"]) if ceilings and work else None


def _ceilings(about: dict[str, Any]) -> Ceilings | None:
    found = about.get("ceilings")
    return Ceilings(**found) if found else None


def _page(about: dict[str, Any], rows: Sequence[Row], ceilings: Ceilings | None) -> str:
    peers = list(summarize(rows).timed)
    parts = [
        ["# KernelBench: a run", "", f"Pharos {about['pharos']}, {about['began']}", ""],
        _machine(about, ceilings),
        _levels(rows, peers),
        [f"![Speed-up of every problem]({SPEED_UPS})", ""],
        [f"![Roofline]({ROOFLINE})", ""] if ceilings else [],
        _problems(rows, peers, ceilings),
    ]
    return "\n".join(line for part in parts for line in part)


def _machine(about: dict[str, Any], ceilings: Ceilings | None) -> list[str]:
    facts = about["machine"]["facts"]
    options = about["options"]
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    lines += [f"- {name}: {options[name]}" for name in ("target", "dtype", "runs", "seconds")]
    if ceilings is not None:
        lines.append(
            f"- measured ceilings (PyTorch's fastest large product, fastest read): "
            f"{ceilings.flops / 1e9:.0f} GFLOP/s, {ceilings.bandwidth / 1e9:.1f} GB/s"
        )
    return [*lines, ""]


def _levels(rows: Sequence[Row], peers: Sequence[str]) -> list[str]:
    """One line per level and one for all: counts, means, shares, compile times."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["problem"].split("/")[0], []).append(row)
    if len(groups) > 1:
        groups["all"] = list(rows)
    head = ["", "correct", *_peer_heads(peers), "compile median", "longest"]
    lines = [_line(head), _line(["---"] * len(head))]
    for name, members in groups.items():
        found = summarize(members)
        right = found.statuses.get(statuses.CORRECT, 0)
        cells = [name, f"{right} of {found.problems}"]
        for peer in peers:
            cells += _peer_cells(found, peer)
        seconds = (found.compile_median, found.compile_max)
        lines.append(_line([*cells, *("-" if s is None else f"{s:.2f} s" for s in seconds)]))
    return [*lines, ""]


def _peer_heads(peers: Sequence[str]) -> list[str]:
    return [f"{what} {peer}" for peer in peers for what in ("geometric mean over", "fast_1 over")]


def _peer_cells(found: Summary, peer: str) -> list[str]:
    mean = found.mean.get(peer)
    if mean is None:
        return ["-", "-"]
    return [f"{mean:.2f}", f"{found.fast[peer][1.0]:.0%}"]


def _problems(rows: Sequence[Row], peers: Sequence[str], ceilings: Ceilings | None) -> list[str]:
    head = ["problem", "name", "status", "ours ms", "least", "iqr"]
    head += [f"x {peer}{caches}" for peer in peers for caches in ("", " cold")]
    head += ["floor ms", "share of floor"] if ceilings else []
    head += ["compile s", *(f"{peer} compile s" for peer in peers if peer != "eager")]
    lines = [
        "Times are of calls that make their outputs anew: the median, the least and the",
        "interquartile range with warm caches, in ms. Speed-ups are of medians, with warm caches",
        "and with cold ones. The floor is what the least operations and the least traffic",
        "(weights, inputs, results, each once) take at the measured ceilings: problems that fit",
        "the caches can be faster than it.",
        "",
    ]
    lines += [_line(head), _line(["---"] * len(head))]
    lines += [_line(_cells(row, peers, ceilings)) for row in rows]
    return [*lines, ""]


def _cells(row: Row, peers: Sequence[str], ceilings: Ceilings | None) -> list[str]:
    warm = row["times"].get("ours", {}).get("warm", {})
    ours = warm.get("median")
    cells = [row["problem"], row["name"], row["status"]]
    cells += [_number(_ms(warm.get(name)), 3) for name in ("median", "min", "iqr")]
    cells += [
        _number(speed_up(row, peer, caches), 2) for peer in peers for caches in ("warm", "cold")
    ]
    if ceilings:
        floor = floor_of(row, ceilings)
        cells.append(_number(_ms(floor), 3))
        cells.append("-" if not (floor and ours) else f"{floor / ours:.0%}")
    cells.append(_number(row["compile_seconds"], 2))
    for peer in peers:
        if peer != "eager":
            cells.append(_number(row["peers"].get(peer, {}).get("compile_seconds"), 2))
    return cells


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e3


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
