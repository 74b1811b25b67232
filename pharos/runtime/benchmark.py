"""Time a function: warm up, sample, and report what does not depend on luck."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pharos.core.errors import UserError

# A sample must be long against the clock's own 50 to 100 ns; shorter functions are called
# several times per sample.
_MIN_SAMPLE_NS = 20_000


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
    import statistics  # takes longer to import than a small program runs

    low, high = _quartiles(samples)
    return Timing(
        min=min(samples),
        median=statistics.median(samples),
        iqr=high - low,
        n=len(samples),
        samples=tuple(samples),
        per_sample=repeat,
    )


def _calls_per_sample(function: Callable[[], object], warmup: int, *, single: bool) -> int:
    fastest = _MIN_SAMPLE_NS
    for _ in range(warmup):
        start = time.perf_counter_ns()
        function()
        fastest = min(fastest, time.perf_counter_ns() - start)
    return 1 if single else max(1, _MIN_SAMPLE_NS // max(fastest, 1))


def _samples(
    function: Callable[[], object],
    runs: int,
    min_time: float,
    repeat: int,
    before: Callable[[], object] | None,
) -> list[float]:
    samples: list[float] = []
    spent = 0
    while len(samples) < runs or spent < min_time * 1e9:
        if before is not None:
            before()
        start = time.perf_counter_ns()
        for _ in range(repeat):
            function()
        taken = time.perf_counter_ns() - start
        spent += taken
        samples.append(taken / repeat / 1e9)
    return samples


def _quartiles(samples: list[float]) -> tuple[float, float]:
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
