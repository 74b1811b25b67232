"""The search: screen the candidates, judge the best of them in a last round, record the winner."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pharos.runtime.benchmark import Timing
from pharos.tuning.database import Record, forget, store
from pharos.tuning.journal import Journal
from pharos.tuning.judging import judged
from pharos.tuning.outcomes import MEASURED, WON, Outcome, Values, Verdict
from pharos.tuning.survey import Survey, Tunable

_FINALISTS = 3
_PROMISING = 1.03  # times the choice: what is slower in its own turns is not ahead in others
_SCREENING = 0.7  # of the time; the rest is the last round's, at least and at most so many seconds
_LEAST_LAST, _MOST_LAST = 2.0, 10.0


class Measurer(Protocol):
    """What measures candidates: ``ChildMeasurer``, or a test's."""

    def try_out(self, one: Tunable, values: Values, base: Mapping[str, int]) -> Outcome:
        """``values`` in turns with the choice."""

    def last_round(
        self, one: Tunable, finalists: Mapping[str, Values], base: Mapping[str, int], seconds: float
    ) -> dict[str, Timing]:
        """The ``finalists`` in turns with the choice, twice."""


@dataclass(frozen=True)
class Search:
    """What a search works with. ``about`` is what records say beside their values; ``tell`` hears
    of each outcome; ``again`` measures what the journal has."""

    measurer: Measurer
    journal: Journal
    database: Path
    device: str
    seconds: float
    about: Record = field(default_factory=dict)
    tell: Callable[[Tunable, Outcome], None] = lambda one, outcome: None
    again: bool = False
    clock: Callable[[], float] = time.monotonic


def tune(survey: Survey, search: Search) -> list[Verdict]:
    """Search for the values of each work in turn, the longest first, and record what wins.

    A work's search is done when the time that is left, shared among the works that are left, is
    over; what was not tried is told. What wins is the base on which the next one is measured.
    """
    start, base, verdicts = search.clock(), dict(survey.parameters), []
    for number, one in enumerate(survey.tunables):
        now = search.clock()
        left = max(0.0, start + search.seconds - now) / (len(survey.tunables) - number)
        verdict = _tuned(one, search, base, now, left)
        verdicts.append(verdict)
        if verdict.best is not None and verdict.best.state == WON:
            base |= one.parameters(verdict.best.values)
    return verdicts


def _tuned(
    one: Tunable, search: Search, base: Mapping[str, int], start: float, seconds: float
) -> Verdict:
    known = [] if search.again else search.journal.outcomes(one.work)
    tried = {_key(outcome.values): outcome for outcome in known if not outcome.last}
    wanted = [values for values, _ in one.candidates[1:]]
    left = [values for values in wanted if _key(values) not in tried]
    final = next((o for o in reversed(known) if o.last), None)
    if final is not None and not left:
        _record(one, search, final)
        return _verdict(one, tried, final, 0)
    while left and (search.clock() < start + _SCREENING * seconds):
        outcome = search.measurer.try_out(one, left[0], base)
        search.journal.add(one.work, outcome)
        search.tell(one, outcome)
        tried[_key(left.pop(0))] = outcome
    if left and not tried:
        return _verdict(one, tried, None, len(left))
    last = min(_MOST_LAST, max(_LEAST_LAST, start + seconds - search.clock()))
    best = _last_round(one, search, tried, base, last)
    if best is not None and not best.undecided:  # which another round may decide
        search.journal.add(one.work, best)
        _record(one, search, best)
    return _verdict(one, tried, best, len(left))


def _last_round(
    one: Tunable,
    search: Search,
    tried: Mapping[Any, Outcome],
    base: Mapping[str, int],
    seconds: float,
) -> Outcome | None:
    """The winner of those that did well, or the best of the losers; None without any."""
    good = sorted((o for o in tried.values() if o.state == MEASURED), key=lambda o: o.ratio)
    chosen = [o.values for o in good if o.ratio < _PROMISING][:_FINALISTS]
    recorded = one.recorded
    if recorded is not None and dict(recorded) not in [dict(one.choice), *map(dict, chosen)]:
        chosen += [o.values for o in good if dict(o.values) == dict(recorded)]
    if not chosen:
        return None
    finalists = {f"candidate {n}": values for n, values in enumerate(chosen)}
    timings = search.measurer.last_round(one, finalists, base, seconds)
    return judged(timings, finalists)[0]


def _record(one: Tunable, search: Search, best: Outcome) -> None:
    """The winner into the data base; a record that is no longer ahead out of it."""
    if best.state == WON:
        store(
            search.database,
            {
                "device": search.device,
                "work": one.work,
                "values": dict(best.values),
                "seconds": best.seconds,
                "choice": dict(one.choice),
                "choice_seconds": best.choice_seconds,
                "ratio": best.ratio,
                **search.about,
            },
        )
    elif one.recorded is not None:
        forget(search.database, lambda r: (r["device"], r["work"]) == (search.device, one.work))


def _verdict(
    one: Tunable, tried: Mapping[Any, Outcome], best: Outcome | None, left: int
) -> Verdict:
    if best is None:
        action = "no time" if left and not tried else "kept"
    elif best.state == WON:
        action = "recorded"
    elif best.undecided:
        action = "undecided"
    else:
        action = "removed" if one.recorded is not None else "kept"
    return Verdict(one.work, one.what, one.choice, tuple(tried.values()), action, best, left)


def _key(values: Values) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(values.items()))
