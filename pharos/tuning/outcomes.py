"""What trying a candidate gave, and what a search found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, int]

MEASURED, WRONG, REFUSED, CRASHED, FAILED = "measured", "wrong", "refused", "crashed", "failed"
LEAST = 0.01  # what is less than this ahead is not worth a record
WON, LOST = "won", "lost"  # of the last round: the best is ahead of the choice, or is not


@dataclass(frozen=True)
class Outcome:
    """A candidate that was tried.

    ``ratio`` is its time over that of the selector's choice in the same turns, ``seconds`` and
    ``choice_seconds`` are the medians. ``why`` tells what is wrong with one that has no time.
    In the last round, it has to be ahead by more than the ``noise``.
    """

    values: Values
    state: str
    ratio: float = 0.0
    seconds: float = 0.0
    choice_seconds: float = 0.0
    why: str = ""
    noise: float = 0.0

    @property
    def undecided(self) -> bool:
        """Whether it is ahead, but not by more than the noise."""
        return self.state == LOST and self.ratio < 1 - LEAST

    @property
    def last(self) -> bool:
        """Whether it is of a last round."""
        return self.state in (WON, LOST)

    def data(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {**vars(self), "values": dict(self.values)}


@dataclass(frozen=True)
class Verdict:
    """What the search for the values of one work came to.

    ``action``: "recorded" (``best`` won and is in the data base), "kept" (no candidate is ahead of
    the choice), "removed" (nor is the record that there was), "undecided" (``best`` is ahead by
    less than the noise), "no time" (nothing was tried). ``left`` candidates were not tried.
    """

    work: str
    what: str
    choice: Values
    outcomes: tuple[Outcome, ...]
    action: str
    best: Outcome | None = None
    left: int = 0

    def data(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "work": self.work,
            "what": self.what,
            "choice": dict(self.choice),
            "candidates": [one.data() for one in self.outcomes],
            "action": self.action,
            "best": self.best.data() if self.best is not None else None,
            "not_tried": self.left,
        }
