"""Problems of the suite made to fit: what shrinks, how far, and what is said about it."""

import pytest

from pharos.kernelbench.cap import Caps
from pharos.kernelbench.loading import load
from pharos.kernelbench.options import Options
from pharos.kernelbench.selection import Task
from pharos.kernelbench.shrink import shrink
from pharos.kernelbench.sizes import CannotMeasure, Sizes
from pharos.tools.kernel_bench import asked
from pharos.tools.options import Stages


def bytes_of(sizes):
    """A problem with one tensor of N times the sides in S."""
    return Sizes(0, 4 * sizes["N"] * sizes["S"][0] * sizes["S"][1], 0, 0, 0)


USUAL = {"N": 64, "S": [31, 16], "k": 3}
TINY = {"N": 4, "S": [5, 7]}


def test_the_largest_size_is_halved_first_and_odd_ones_stay_odd():
    found = shrink(USUAL, TINY, Caps(bytes=1 << 15), bytes_of, {})
    assert found.sizes == {"N": 16, "S": [31, 16], "k": 3}
    assert (found.changes, found.note) == (("N: 64 -> 16",), "")
    smaller = shrink(USUAL, TINY, Caps(bytes=1 << 10), bytes_of, {})
    assert smaller.sizes["S"][0] % 2 == 1 and smaller.sizes["k"] == 3
    assert bytes_of(smaller.sizes).inputs <= 1 << 10


def test_nothing_falls_below_what_tests_take():
    found = shrink(USUAL, TINY, Caps(bytes=16), bytes_of, {})
    assert found.sizes == {"N": 4, "S": [5, 7], "k": 3}
    assert found.note == "still 35.0 times the limit: no other size can be halved"


def test_what_the_user_set_stays():
    found = shrink(USUAL, TINY, Caps(bytes=1 << 12), bytes_of, {"N": 32})
    assert found.sizes["N"] == 32 and found.changes[0].startswith("S: [31, 16] -> ")


def test_sizes_that_do_not_go_together_are_not_tried_on():
    def even(sizes):
        if sizes["N"] < 32:
            raise CannotMeasure("too few")
        return bytes_of(sizes)

    assert shrink(USUAL, TINY, Caps(bytes=1 << 12), even, {}).sizes["N"] == 32


def test_a_problem_that_cannot_be_measured_stays_as_it_is():
    def never(sizes):
        raise CannotMeasure("no shapes")

    found = shrink(USUAL, TINY, Caps(bytes=1), never, {})
    assert (found.sizes, found.note) == (USUAL, "sizes as they are: no shapes")


@pytest.mark.parametrize("key", ["level1/1", "level1/8", "level1/40", "level1/47"])
def test_problems_of_the_suite_fit(key, tmp_path):
    options = Options("cpu", max_mb=0.5, max_gflop=0.002)
    problem, changes, note = load(Task(key, key), options, tmp_path)
    assert changes and not note
    from pharos.kernelbench.sizes import measure

    found = measure(problem)
    assert found.bytes <= 1 << 19 and found.flops <= 2e6


def test_a_simulated_target_has_limits_of_its_own():
    shape = asked.Shape("f32", None, 0, 1, None, None, None, None, 0)
    timed = asked.Timed(None, (), 1, 0, 1.0)
    simulated = asked.options(shape, Stages("nvidia:sim"), None, {}, timed)
    assert simulated.max_mb == 1 and simulated.max_gflop > 0 and not simulated.benchmark
    usual = asked.options(shape, Stages("cpu"), None, {}, timed)
    assert usual.max_mb == 0 == usual.max_gflop and usual.benchmark
