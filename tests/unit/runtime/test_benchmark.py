"""The statistics of a benchmark, on a clock that the test moves."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest

from pharos.core.errors import UserError
from pharos.runtime import benchmark
from pharos.runtime.benchmark import interleaved


class Clock:
    """Stands still except for what the measured function takes."""

    def __init__(self) -> None:
        self.now = 0

    def spend(self, nanoseconds: int) -> None:
        self.now += nanoseconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter_ns", lambda: clock.now)
    return clock


def durations(clock: Clock, *milliseconds: int) -> Iterator[None]:
    for duration in milliseconds:
        clock.spend(duration * 1_000_000)
        yield


def test_minimum_median_and_interquartile_range(clock: Clock) -> None:
    calls = durations(clock, 900, 900, 5, 1, 2, 4, 3)
    timing = benchmark(lambda: next(calls), warmup=2, runs=5, min_time=0)
    assert timing.samples == pytest.approx((5e-3, 1e-3, 2e-3, 4e-3, 3e-3))
    assert (timing.min, timing.median) == pytest.approx((1e-3, 3e-3))
    assert timing.iqr == pytest.approx(2e-3)
    assert (timing.n, timing.per_sample) == (5, 1)
    assert str(timing) == "3 ms median (1 ms min, 2 ms iqr, n=5)"


def test_it_goes_on_until_the_time_is_spent(clock: Clock) -> None:
    timing = benchmark(lambda: clock.spend(1_000_000), warmup=0, runs=2, min_time=0.05)
    assert timing.n == 50


def test_short_functions_are_timed_together(clock: Clock) -> None:
    timing = benchmark(lambda: clock.spend(100), warmup=1, runs=3, min_time=0)
    assert timing.per_sample == 200
    assert timing.median == pytest.approx(100e-9)
    assert str(timing).startswith("100 ns median")


def test_what_runs_before_is_not_timed(clock: Clock) -> None:
    order: list[str] = []

    def before() -> None:
        order.append("before")
        clock.spend(10**9)

    def function() -> None:
        order.append("call")
        clock.spend(500)

    timing = benchmark(function, warmup=1, runs=2, min_time=0, before=before)
    assert order == ["call", "before", "call", "before", "call"]
    assert timing.per_sample == 1 and timing.median == pytest.approx(500e-9)


def test_one_run_has_no_spread(clock: Clock) -> None:
    assert benchmark(lambda: clock.spend(10**6), warmup=0, runs=1, min_time=0).iqr == 0


def test_the_collector_is_off_and_comes_back() -> None:
    seen: list[bool] = []

    def function() -> None:
        seen.append(gc.isenabled())
        raise ValueError

    with pytest.raises(ValueError):
        benchmark(function)
    assert seen == [False] and gc.isenabled()


def test_nonsense_is_refused() -> None:
    with pytest.raises(UserError, match="found 3 and 0"):
        benchmark(lambda: None, runs=0)
    with pytest.raises(UserError, match="found -1 and 10"):
        benchmark(lambda: None, warmup=-1)


def test_functions_take_turns():
    calls = []
    found = interleaved(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, warmup=0, runs=2
    )
    turns = "".join(calls)
    assert turns.startswith("aa") and "bb" in turns and turns.rindex("a") > turns.index("b")
    assert {timing.n for timing in found.values()} == {2}


def test_each_has_the_processor_to_itself_before_it_is_timed():
    ends = {"a": 0.0, "b": 0.0}
    gaps = []

    def run(name, other):
        now = time.perf_counter()
        gaps.append(now - ends[other])
        ends[name] = time.perf_counter()

    interleaved({"a": lambda: run("a", "b"), "b": lambda: run("b", "a")}, warmup=0, runs=3)
    # Every fourth call at least follows the other's by the time that threads take to fall asleep.
    assert max(gaps[10:]) >= 0.009


def test_before_takes_the_place_of_the_call_that_is_not_timed():
    calls = []
    interleaved(
        {"a": lambda: calls.append("a")}, warmup=1, runs=2, before=lambda: calls.append("-")
    )
    assert "".join(calls) == "a-a-a"


def test_slow_functions_get_fewer_rounds_but_three():
    found = interleaved({"a": lambda: time.sleep(0.02)}, warmup=9, runs=50, seconds=0.05)
    assert found["a"].n == 3
    assert found["a"].min >= 0.02
