"""Is a candidate ahead of the selector's choice by more than luck?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from pharos.runtime.benchmark import Timing
from pharos.tuning.outcomes import LEAST, LOST, WON, Outcome, Values

CHOICE, AGAIN = "choice", "choice again"
_ERRORS = 3.0  # standard errors


def compared(timing: Timing, choice: Timing) -> float:
    """The ratio of two timings of the same turns: of minima and medians alike."""
    return math.sqrt(timing.min / choice.min * timing.median / choice.median)


def judged(timings: Mapping[str, Timing], finalists: Mapping[str, Values]) -> list[Outcome]:
    """The ``finalists``, whose ``timings`` have their names, winners first.

    The choice takes part twice, as ``CHOICE`` and ``AGAIN``: what it differs from itself by is
    noise, and so are three standard errors of the median ratio, round by round. The winner has
    also to be ahead in its fastest run.
    """
    choice, again = timings[CHOICE], timings[AGAIN]
    itself = abs(statistics.median(_ratios(again.samples, choice.samples)) - 1)
    least = min(choice.min, again.min)
    both = [(a + b) / 2 for a, b in zip(choice.samples, again.samples, strict=True)]
    found = []
    for name, values in finalists.items():
        ratios = _ratios(timings[name].samples, both)
        ratio = statistics.median(ratios)
        noise = max(LEAST, itself, _ERRORS * _error(ratios))
        won = ratio < 1 - noise and timings[name].min < least
        seconds = timings[name].median, (choice.median + again.median) / 2
        found.append(Outcome(values, WON if won else LOST, ratio, *seconds, noise=noise))
    return sorted(found, key=lambda one: (one.state != WON, one.ratio))


def _ratios(some: Sequence[float], others: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(some, others, strict=True)]


def _error(ratios: Sequence[float]) -> float:
    """The standard error of their median, from the quartiles: a few slow rounds do not count."""
    if len(ratios) < 2:
        return math.inf
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return 1.2533 * (high - low) / 1.349 / math.sqrt(len(ratios))
