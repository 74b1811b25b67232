"""Time a function: warm up, sample, and report what does not depend on luck."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pharos.core.errors import UserError

# A sample must be long against the clock's own 50 to 100 ns; shorter functions are called
# several times per sample.
_MIN_SAMPLE_NS = 20_000
_LEAST_ROUNDS = 3
# Seconds after which other thread pools have left the processor: libgomp's threads wait some
# milliseconds for more work without sleeping, and whoever is called then shares a core with them.
_ASLEEP = 0.01


@dataclass(frozen=True)
class Timing:
    """Seconds per call over ``n`` samples.

    The minimum is what the code can do, the median what it does, the interquartile range how
    much to believe either. ``per_sample`` calls were timed together.
    """

    min: float
    median: float
    iqr: float
    n: int
    samples: tuple[float, ...] = field(repr=False)
    per_sample: int = 1

    def __str__(self) -> str:
        return (
            f"{_spelled(self.median)} median ({_spelled(self.min)} min, {_spelled(self.iqr)} iqr, "
            f"n={self.n})"
        )


def benchmark(
    function: Callable[[], object],
    *,
    warmup: int = 3,
    runs: int = 10,
    min_time: float = 0.2,
    before: Callable[[], object] | None = None,
) -> Timing:
    """Time ``function()``.

    After ``warmup`` calls, takes samples until there are ``runs`` of them and ``min_time``
    seconds were spent. ``before`` runs ahead of each sample, not timed (to clear a cache, to
    restore an input); then each sample is one call. Python's garbage collector is off meanwhile.
    """
    if warmup < 0 or runs < 1:
        raise UserError(f"expected warmup >= 0 and runs >= 1, found {warmup} and {runs}")
    collecting = gc.isenabled()
    gc.disable()
    try:
        repeat = _calls_per_sample(function, warmup, single=before is not None)
        samples = _samples(function, runs, min_time, repeat, before)
    finally:
        if collecting:
            gc.enable()
    return summary(samples, repeat)


def summary(samples: Sequence[float], per_sample: int = 1) -> Timing:
    """The ``Timing`` of seconds per call; each sample timed ``per_sample`` calls."""
    import statistics  # takes longer to import than a small program runs

    low, high = _quartiles(samples)
    return Timing(
        min=min(samples),
        median=statistics.median(samples),
        iqr=high - low,
        n=len(samples),
        samples=tuple(samples),
        per_sample=per_sample,
    )


def interleaved(
    functions: Mapping[str, Callable[[], object]],
    *,
    warmup: int = 3,
    runs: int = 10,
    seconds: float = 10.0,
    before: Callable[[], object] | None = None,
) -> dict[str, Timing]:
    """Time several functions by turns, so that what the machine does meanwhile meets all alike.

    Each is called ``warmup`` times, or for a quarter of ``seconds``; then there are ``runs``
    rounds, fewer (but at least 3) when ``seconds`` have passed. In a round each has its turn:
    calls that are not timed, for 10 ms, which bring its data back into the caches and let the
    threads of the one before it fall asleep, then a timed sample. With ``before``, that is called
    in place of the calls that are not timed: to clear the caches.
    """
    if warmup < 0 or runs < 1:
        raise UserError(f"expected warmup >= 0 and runs >= 1, found {warmup} and {runs}")
    collecting = gc.isenabled()
    gc.disable()
    try:
        single = before is not None
        repeat = {
            name: _calls_per_sample(function, warmup, single=single, seconds=seconds / 4)
            for name, function in functions.items()
        }
        samples: dict[str, list[float]] = {name: [] for name in functions}
        start = time.perf_counter()
        for done in range(runs):
            if done >= _LEAST_ROUNDS and time.perf_counter() - start > seconds:
                break
            for name, function in functions.items():
                _settle(function, before)
                samples[name].append(_sample(function, repeat[name]))
    finally:
        if collecting:
            gc.enable()
    return {name: summary(found, repeat[name]) for name, found in samples.items()}


def _settle(function: Callable[[], object], before: Callable[[], object] | None) -> None:
    end = time.perf_counter() + _ASLEEP
    if before is not None:
        before()
        time.sleep(_ASLEEP)
        return
    function()
    while time.perf_counter() < end:
        function()


def _sample(function: Callable[[], object], repeat: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(repeat):
        function()
    return (time.perf_counter_ns() - start) / repeat / 1e9


def _calls_per_sample(
    function: Callable[[], object], warmup: int, *, single: bool, seconds: float = math.inf
) -> int:
    fastest = _MIN_SAMPLE_NS
    for _ in range(warmup):
        start = time.perf_counter_ns()
        function()
        taken = time.perf_counter_ns() - start
        fastest = min(fastest, taken)
        seconds -= taken / 1e9
        if seconds < 0:
            break
    return 1 if single else max(1, _MIN_SAMPLE_NS // max(fastest, 1))


def _samples(
    function: Callable[[], object],
    runs: int,
    min_time: float,
    repeat: int,
    before: Callable[[], object] | None,
) -> list[float]:
    samples: list[float] = []
    spent = 0.0
    while len(samples) < runs or spent < min_time:
        if before is not None:
            before()
        taken = _sample(function, repeat)
        spent += taken * repeat
        samples.append(taken)
    return samples


def _quartiles(samples: Sequence[float]) -> tuple[float, float]:
    if len(samples) == 1:
        return samples[0], samples[0]
    import statistics

    low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    return low, high


def _spelled(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
