"""Phases of a row: every product of the stuffed row is done once, and no other."""

from __future__ import annotations

import random

import pytest

from pharos.transform.phases.row import Row


def direct(row: Row) -> dict[int, set[tuple[int, int]]]:
    """For each output the (element, tap) pairs that its window meets."""
    places = {row.offset + i * row.stride: i for i in range(row.size)}
    return {
        o: {
            (places[o + k * row.dilation], k)
            for k in range(row.taps)
            if o + k * row.dilation in places
        }
        for o in range(row.out)
    }


def by_phases(row: Row) -> dict[int, set[tuple[int, int]]]:
    low, high = row.margins()
    found: dict[int, set[tuple[int, int]]] = {}
    for phase in row.phases():
        for q in range(phase.count):
            pairs = set()
            for m in range(phase.taps):
                i, k = phase.start + q + m * phase.dilation, phase.tap + m * phase.step
                assert -low <= i < row.size + high, "outside the margins"
                assert 0 <= k < row.taps
                if 0 <= i < row.size:
                    pairs.add((i, k))
            at = phase.first + q * row.stride
            assert at not in found
            found[at] = pairs
    return found


def random_row(random_: random.Random) -> Row:
    taps, dilation, stride = (random_.randint(1, n) for n in (7, 4, 5))
    size, offset = random_.randint(1, 9), random_.randint(-4, 12)
    return Row(size, offset, stride, random_.randint(1, 30), taps, dilation)


@pytest.mark.parametrize("seed", range(20))
def test_phases_are_the_convolution(seed):
    random_ = random.Random(seed)
    for _ in range(100):
        row = random_row(random_)
        assert by_phases(row) == direct(row), row


def test_a_window_of_three_at_stride_two_has_phases_of_one_and_two_taps():
    row = Row(size=5, offset=1, stride=2, out=10, taps=3, dilation=1)
    assert [(p.tap, p.taps, p.count) for p in row.phases()] == [(1, 1, 5), (0, 2, 5)]
    assert row.margins() == (0, 1)


def test_even_dilation_leaves_phases_without_taps():
    row = Row(size=4, offset=2, stride=2, out=9, taps=2, dilation=2)
    assert [p.taps for p in row.phases()] == [2, 0]
