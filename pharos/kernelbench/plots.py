"""The plots of a run, as SVG. The same rows give the same text."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

from pharos.kernelbench.ceilings import Ceilings
from pharos.kernelbench.rows import Row, speed_up

# Fixed names of elements, and no date: a page made again from the same run does not change.
_STYLE = {"svg.hashsalt": "pharos", "svg.fonttype": "none", "font.size": 9}
_EVEN = "0.5"
_LEVELS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple")


def speed_ups(rows: Sequence[Row]) -> str:
    """How many times as fast as eager each problem is, slowest first, a colour for each level."""
    ordered = sorted(_levels(rows), key=lambda pair: speed_up(pair[1]) or 0)
    figure, axes = _figure(1)
    (axis,) = axes
    for colour, level in zip(_LEVELS, sorted({level for level, _ in ordered}), strict=False):
        places = [i for i, (of, _) in enumerate(ordered) if of == level]
        heights = [speed_up(ordered[i][1]) for i in places]
        axis.plot(places, heights, "o", markersize=3, color=colour, label=level)
    axis.axhline(1, color=_EVEN, linewidth=0.8)
    axis.set_yscale("log")
    axis.set_xlabel("problems, slowest first")
    axis.set_ylabel("times as fast as eager (warm)")
    axis.legend()
    return _svg(figure)


def roofline(rows: Sequence[Row], ceilings: Ceilings) -> str:
    """On the left the problems that multiply, below the roof that the ceilings make; on the right
    the share of the read bandwidth that the others reach, slowest first."""
    known = [(level, row) for level, row in _levels(rows) if row.get("work")]
    figure, (left, right) = _figure(2)
    _roof(left, [pair for pair in known if pair[1]["work"]["flops"]], ceilings)
    _streams(right, [row for _, row in known if not row["work"]["flops"]], ceilings)
    return _svg(figure)


def _roof(axis: Any, pairs: Sequence[tuple[str, Row]], ceilings: Ceilings) -> None:
    for colour, level in zip(_LEVELS, sorted({level for level, _ in pairs}), strict=False):
        members = [row for of, row in pairs if of == level]
        dense = [row["work"]["flops"] / row["work"]["bytes"] for row in members]
        speed = [row["work"]["flops"] / _seconds(row) / 1e9 for row in members]
        axis.plot(dense, speed, "o", markersize=3, color=colour, label=level)
    ridge = ceilings.flops / ceilings.bandwidth
    edges = [ridge / 100, ridge, ridge * 100]
    roof = [min(ceilings.flops, x * ceilings.bandwidth) / 1e9 for x in edges]
    axis.plot(edges, roof, color=_EVEN, linewidth=0.8)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("operations per byte (weights, inputs, results)")
    axis.set_ylabel("GFLOP/s")
    if pairs:
        axis.legend()


def _streams(axis: Any, rows: Sequence[Row], ceilings: Ceilings) -> None:
    shares = sorted(row["work"]["bytes"] / _seconds(row) / ceilings.bandwidth for row in rows)
    axis.plot(range(len(shares)), shares, "o", markersize=3)
    axis.axhline(1, color=_EVEN, linewidth=0.8)
    axis.set_xlabel("problems without products")
    axis.set_ylabel("share of the read bandwidth")


def _levels(rows: Iterable[Row]) -> list[tuple[str, Row]]:
    return [(row["problem"].split("/")[0], row) for row in rows]


def _seconds(row: Row) -> float:
    seconds: float = row["times"]["ours"]["warm"]["median"]
    return seconds


def _figure(columns: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5 * columns, 4), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.grid(alpha=0.3)
    return figure, axes


def _svg(figure: Any) -> str:
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(out, format="svg", metadata={"Date": None})
    # matplotlib ends lines with spaces.
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
