"""What many rows come to."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pharos.kernelbench import rows

FAST = (0.5, 0.8, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class Summary:
    """``statuses`` counts rows; ``fast[peer][p]`` is the share of all problems that are correct
    and more than ``p`` times as fast as the peer; ``mean[peer]`` the geometric mean of the
    speed-ups of the correct ones (None for none); ``timed[peer]`` how many those are."""

    problems: int
    statuses: dict[str, int]
    fast: dict[str, dict[float, float]] = field(default_factory=dict)
    mean: dict[str, float | None] = field(default_factory=dict)
    timed: dict[str, int] = field(default_factory=dict)
    compile_median: float | None = None
    compile_max: float | None = None

    @property
    def all_correct(self) -> bool:
        """Whether there is a row at all and every one is correct."""
        return 0 < self.problems == self.statuses.get(rows.CORRECT, 0)

    def record(self) -> dict[str, Any]:
        """For JSON: the p of fast_p are its keys, as texts."""
        fast = {name: {f"{p:g}": v for p, v in by_p.items()} for name, by_p in self.fast.items()}
        return {**self.__dict__, "fast": fast}


def summarize(found: Sequence[rows.Row]) -> Summary:
    """The summary of rows; of peers, those that at least one row was timed against."""
    correct = [row for row in found if row["status"] == rows.CORRECT]
    peers = dict.fromkeys(name for row in correct for name in row["times"])
    ups = {
        peer: [up for row in correct if (up := rows.speed_up(row, peer)) is not None]
        for peer in peers
        if peer not in ("ours", "bound")
    }
    compiled = [row["compile_seconds"] for row in found if row["compile_seconds"] is not None]
    return Summary(
        len(found),
        dict(Counter(row["status"] for row in found)),
        {peer: {p: fast_p(values, p, len(found)) for p in FAST} for peer, values in ups.items()},
        {peer: geometric_mean(values) for peer, values in ups.items()},
        {peer: len(values) for peer, values in ups.items()},
        statistics.median(compiled) if compiled else None,
        max(compiled, default=None),
    )


def fast_p(speed_ups: Iterable[float], p: float, problems: int) -> float:
    """KernelBench's fast_p: the share of ``problems`` that are correct (``speed_ups`` are those
    of the correct ones) and more than ``p`` times as fast."""
    return sum(up > p for up in speed_ups) / problems if problems else 0.0


def geometric_mean(values: Sequence[float]) -> float | None:
    """The n-th root of the product of n positive numbers; None for no numbers."""
    return math.exp(statistics.fmean(map(math.log, values))) if values else None
