"""Two runs side by side: what broke, what was mended, what became faster or slower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.kernelbench import rows
from pharos.kernelbench.summary import geometric_mean

# A change is told only when it is larger than this and than what the samples scatter.
_LEAST_CHANGE = 0.05


@dataclass(frozen=True)
class Change:
    """One problem in both runs. ``ratio`` is the old time over the new one (above 1 is faster),
    None where one of them was not timed; ``sure`` when it is more than the noise."""

    problem: str
    name: str
    before: str
    now: str
    ratio: float | None = None
    sure: bool = False


@dataclass(frozen=True)
class Comparison:
    """``broken`` were correct before, ``mended`` are now; ``faster`` and ``slower`` are sure."""

    changes: tuple[Change, ...]
    only_before: tuple[str, ...]
    only_now: tuple[str, ...]

    @property
    def broken(self) -> list[Change]:
        return [c for c in self.changes if c.before == rows.CORRECT != c.now]

    @property
    def mended(self) -> list[Change]:
        return [c for c in self.changes if c.now == rows.CORRECT != c.before]

    @property
    def faster(self) -> list[Change]:
        return sorted((c for c in self.changes if c.sure and c.ratio and c.ratio > 1), key=_ratio)

    @property
    def slower(self) -> list[Change]:
        return sorted((c for c in self.changes if c.sure and c.ratio and c.ratio < 1), key=_ratio)

    @property
    def mean(self) -> float | None:
        """The geometric mean of the ratios."""
        return geometric_mean([c.ratio for c in self.changes if c.ratio])

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "changes": [change.__dict__ for change in self.changes],
            "only_before": list(self.only_before),
            "only_now": list(self.only_now),
            "mean": self.mean,
        }


def compare(before: Sequence[rows.Row], now: Sequence[rows.Row]) -> Comparison:
    """The rows ``now`` beside those ``before``.

    Times are compared as parts of eager's in the same run, so that a machine that was slower as
    a whole does not look like a change of ours.
    """
    old = {row["problem"]: row for row in before}
    new = {row["problem"]: row for row in now}
    both = [key for key in new if key in old]
    return Comparison(
        tuple(_change(old[key], new[key]) for key in both),
        tuple(key for key in old if key not in new),
        tuple(key for key in new if key not in old),
    )


def _change(old: rows.Row, new: rows.Row) -> Change:
    before, now = rows.speed_up(old), rows.speed_up(new)
    ratio = now / before if before and now else None
    noise = max(_LEAST_CHANGE, _scatter(old), _scatter(new))
    sure = ratio is not None and abs(ratio - 1) > noise
    return Change(new["problem"], new["name"], old["status"], new["status"], ratio, sure)


def _scatter(row: rows.Row) -> float:
    """The interquartile ranges of ours and eager's as parts of their medians, added."""
    times = [row["times"][name]["warm"] for name in ("ours", "eager") if name in row["times"]]
    total: float = sum(time["iqr"] / time["median"] for time in times)
    return total


def _ratio(change: Change) -> float:
    return change.ratio or 1.0
