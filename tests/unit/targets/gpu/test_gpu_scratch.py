"""Where temporary arrays of GPU calls lie: never two that live at once in one place."""

import itertools
import random

import pytest

from pharos.core.errors import UserError
from pharos.targets.common.gpu.host.runs import is_dense, pieces
from pharos.targets.common.gpu.host.scratch import ALIGNMENT, layout, touched
from pharos.targets.common.gpu.launches import SCRATCH, Launch, Memory, Pointer, Program


def launch(*buffers):
    return Launch("k", (1, 1, 1), (1, 1, 1), 0, tuple(Pointer(b, 0) for b in buffers))


def program(sizes, steps):
    memories = tuple(Memory(SCRATCH, size) for size in sizes)
    return Program(memories, tuple(launch(*step) for step in steps))


def test_arrays_that_do_not_meet_share_a_place():
    found = layout(program([1000, 1000, 1000], [(0,), (0, 1), (1, 2)]), {}, ())
    assert found.offsets[0] == found.offsets[2] != found.offsets[1]
    assert found.size == 2 * 1024
    assert found.first == {0: 0, 1: 1, 2: 2}


def test_a_gap_stays_free_behind_every_array():
    found = layout(program([512, 512], [(0, 1)]), {7: 100}, (), gap=4096)
    places = sorted(found.offsets.values())
    assert all(b - a >= 4096 + 100 for a, b in itertools.pairwise(places))
    assert found.size >= places[-1] + 4096 + 100


def test_what_is_kept_elsewhere_or_never_used_takes_no_room():
    found = layout(program([512, 512, 512], [(0, 1)]), {}, kept=[1])
    assert set(found.offsets) == {0} and found.size == 512


def test_what_lives_from_start_to_end_shares_with_nobody():
    found = layout(program([300, 300], [(0,), (1,)]), {7: 100}, ())
    assert found.offsets[0] == found.offsets[1] != found.offsets[7]


@pytest.mark.parametrize("seed", range(20))
def test_arrays_that_live_at_once_lie_apart(seed):
    draw = random.Random(seed)
    sizes = [draw.randrange(0, 5000) for _ in range(draw.randrange(1, 25))]
    steps = [
        draw.sample(range(len(sizes)), draw.randrange(1, min(4, len(sizes)) + 1))
        for _ in range(draw.randrange(1, 30))
    ]
    made = program(sizes, steps)
    found = layout(made, {}, ())
    spans = {
        b: [n for n, step in enumerate(made.steps) if b in touched(step)] for b in found.offsets
    }
    for a, b in itertools.combinations(found.offsets, 2):
        low, high = found.offsets[a], found.offsets[b]
        together = spans[a][0] <= spans[b][-1] and spans[b][0] <= spans[a][-1]
        apart = low + max(sizes[a], 1) <= high or high + max(sizes[b], 1) <= low
        assert apart or not together
    assert all(offset % ALIGNMENT == 0 for offset in found.offsets.values())
    assert all(found.offsets[b] + sizes[b] <= found.size for b in found.offsets)


@pytest.mark.parametrize(
    ("shape", "strides", "expected"),
    [
        ((2, 3, 4), (12, 4, 1), (24, [0])),
        ((2, 3, 4), (20, 4, 1), (12, [0, 20])),
        ((2, 3), (1, 2), (1, [0, 2, 4, 1, 3, 5])),
        ((2, 1, 4), (4, 99, 1), (8, [0])),
        ((), (), (1, [0])),
        ((3,), (0,), (1, [0, 0, 0])),
    ],
)
def test_arrays_with_gaps_as_pieces_without(shape, strides, expected):
    assert pieces(shape, strides, "it") == expected
    assert is_dense(shape, strides) == (len(expected[1]) == 1)


def test_too_many_pieces_are_refused():
    with pytest.raises(UserError, match="it has gaps after every 1 element"):
        pieces((70_000,), (2,), "it")
