"""shfl.sync, votes, matches, reductions and elections against numpy, with odd masks too."""

import functools

import numpy as np
import pytest
from lone_instructions import Instruction, together

from pharos.simt import SimulationFault
from pharos.targets.nvidia.meanings.shuffles import source_lane

VALUES = np.random.default_rng(5).integers(-(2**31), 2**31, 32)
MASKS = [0xFFFFFFFF, 0x0000FFFF, 0x80000001, 0x12345679]


def pseudo_code(mode, lane, b, c):
    """The manual's pseudo code, as it stands there (bits [4:0] and [12:8] of b and c)."""
    bval, cval, segmask = b & 0x1F, c & 0x1F, c >> 8 & 0x1F
    max_lane = (lane & segmask) | (cval & ~segmask & 0x1F)
    min_lane = lane & segmask
    if mode == "up":
        j, p = lane - bval, lane - bval >= max_lane
    elif mode == "down":
        j, p = lane + bval, lane + bval <= max_lane
    elif mode == "bfly":
        j, p = lane ^ bval, (lane ^ bval) <= max_lane
    else:
        j = min_lane | (bval & ~segmask & 0x1F)
        p = j <= max_lane
    return (j if p else lane), p


@pytest.mark.parametrize("mode", ["up", "down", "bfly", "idx"])
def test_source_lanes_are_those_of_the_manual(mode):
    clamps = [0, 31, 0x1800 | 7, 0x1C00 | 3, 0x1000 | 15, 0x1000]
    for lane in range(32):
        for b in range(33):
            for c in clamps:
                reach, inside = source_lane(mode, lane, b, c)
                assert (reach if inside else lane, inside) == pseudo_code(mode, lane, b, c)


@pytest.fixture(scope="module")
def shuffle(instruction):
    @functools.cache
    def of(mode, type="float", predicate="p"):
        result = f"{{ {type}, i1 }}" if predicate else type
        name = f"llvm.nvvm.shfl.sync.{mode}.{'f32' if type == 'float' else 'i32'}{predicate}"
        text = f"call {result} @{name}(i32 %a0, {type} %a1, i32 %a2, i32 %a3)"
        return instruction(text, ("i32", type, "i32", "i32"))

    return of


@pytest.mark.parametrize("mode", ["up", "down", "bfly", "idx"])
def test_shuffles(shuffle, mode):
    clamps = (0, 0x1800) if mode == "up" else (31, 0x1807)
    for b in (0, 1, 5, 16, 31):
        for c in clamps:
            found, inside = shuffle(mode)(-1, VALUES.astype(np.float32), b, c)
            source = [pseudo_code(mode, lane, b, c) for lane in range(32)]
            assert (found == VALUES.astype(np.float32)[[lane for lane, _ in source]]).all()
            assert (inside == [p for _, p in source]).all()


def test_lanes_may_ask_for_different_lanes(shuffle):
    wanted = np.arange(32)[::-1] * 3 % 32
    assert (shuffle("idx", "i32", "")(-1, VALUES, wanted, 31) == VALUES[wanted]).all()


def test_only_the_lanes_of_the_mask_meet(instruction):
    """Lanes below 8 and the others shuffle among themselves, each with its own mask."""
    text = "call float @llvm.nvvm.shfl.sync.bfly.f32(i32 %a0, float %a1, i32 %a2, i32 31)"
    masks = np.where(np.arange(32) < 8, 0xFF, 0xFFFFFF00).astype(np.uint32).view(np.int32)
    found = instruction(text, ("i32", "float", "i32"))(masks, np.arange(32), 1)
    assert (found == (np.arange(32) ^ 1)).all()


def test_a_lane_outside_of_the_mask_is_nothing(instruction):
    """Halves with masks of their own that read across: what they get is a NaN."""
    text = "call float @llvm.nvvm.shfl.sync.bfly.f32(i32 %a0, float %a1, i32 16, i32 31)"
    masks = np.where(np.arange(32) < 16, 0xFFFF, 0xFFFF0000).astype(np.uint32).view(np.int32)
    assert np.isnan(instruction(text, ("i32", "float"))(masks, np.arange(32))).all()


def test_a_lane_that_is_not_in_its_own_mask(instruction):
    text = "call float @llvm.nvvm.shfl.sync.bfly.f32(i32 1, float %a0, i32 1, i32 31)"
    with pytest.raises(SimulationFault, match="wrong mask"):
        instruction(text, ("float",))(np.arange(32))


@pytest.fixture(scope="module")
def split():
    """An instruction that the lanes in a mask and those outside of it run with their own masks."""

    def run(kernel, mask, *inputs, mask_first=True):
        inside = (mask >> np.arange(32) & 1).astype(bool)
        masks = np.where(inside, mask, ~np.uint32(mask)).astype(np.uint32).view(np.int32)
        return inside, kernel(*((masks, *inputs) if mask_first else (*inputs, masks)))

    return run


def vote(mask, given, part):
    """What each vote gives the lanes of ``part``."""
    holds = given[part].astype(bool)
    bits = int(sum(1 << int(lane) for lane in np.arange(32)[part][holds]))
    unanimous = holds.all() or not holds.any()
    return {"all": holds.all(), "any": holds.any(), "uni": unanimous, "ballot": bits}


def test_votes(split):
    text = "call i1 @llvm.nvvm.vote.{}.sync(i32 %a0, i1 %a1)"
    kernel = together({what: text.format(what) for what in ("all", "any", "uni")}, ("i32", "i1"))
    ballot = Instruction("call i32 @llvm.nvvm.vote.ballot.sync(i32 %a0, i1 %a1)", ("i32", "i1"))
    some = np.random.default_rng(1).integers(0, 2, 32)
    for mask in MASKS:
        for given in (some, np.zeros(32), np.ones(32)):
            inside, found = split(kernel, mask, given)
            _, found["ballot"] = split(ballot, mask, given)
            for part in (inside, ~inside):
                for what, expected in vote(mask, given, part).items():
                    assert (found[what][part].astype(np.uint32) == np.uint32(expected)).all()


@pytest.mark.parametrize(("type", "step"), [("i32", 1 << 29), ("i64", 1 << 40)])
def test_match_any(instruction, split, type, step):
    text = f"call i32 @llvm.nvvm.match.any.sync.{type}(i32 %a0, {type} %a1)"
    kernel, values = instruction(text, ("i32", type)), np.arange(32) % 3 * step - 1
    for mask in MASKS:
        inside, found = split(kernel, mask, values)
        for lane in range(32):
            alike = (values == values[lane]) & (inside == inside[lane])
            bits = sum(1 << int(one) for one in np.flatnonzero(alike))
            assert found[lane].view(np.uint32) == bits


def test_match_all(instruction, split):
    text = "call { i32, i1 } @llvm.nvvm.match.all.sync.i32p(i32 %a0, i32 %a1)"
    kernel = instruction(text, ("i32", "i32"))
    inside, (found, agreed) = split(kernel, 0xFF00, np.where(np.arange(32) == 3, 1, 7))
    assert (agreed == inside).all()
    assert (found[inside] == 0xFF00).all() and (found[~inside] == 0).all()


REDUCTIONS = {
    "add": lambda v: np.add.reduce(v, dtype=np.int64),
    "min": np.min,
    "max": np.max,
    "umin": lambda v: v.astype(np.uint32).min(),
    "umax": lambda v: v.astype(np.uint32).max(),
    "and": np.bitwise_and.reduce,
    "or": np.bitwise_or.reduce,
    "xor": np.bitwise_xor.reduce,
}


@pytest.fixture(scope="module")
def reduced(split):
    text = "call i32 @llvm.nvvm.redux.sync.{}(i32 %a0, i32 %a1)"
    kernel = together({what: text.format(what) for what in REDUCTIONS}, ("i32", "i32"))
    return [split(kernel, mask, VALUES, mask_first=False) for mask in (0xFFFFFFFF, 0x12345679)]


@pytest.mark.parametrize("what", REDUCTIONS)
def test_reductions_of_integers(reduced, what):
    for inside, found in reduced:
        for part in (inside, ~inside):
            if part.any():
                expected = int(REDUCTIONS[what](VALUES[part])) & 0xFFFFFFFF
                assert (found[what][part].view(np.uint32) == expected).all()


def test_election(instruction, split):
    kernel = instruction("call { i32, i1 } @llvm.nvvm.elect.sync(i32 %a0)", ("i32",))
    inside, (leader, mine) = split(kernel, 0x00F0FF00)
    for part in (inside, ~inside):
        assert mine[part].sum() == 1
        chosen = np.flatnonzero(mine.astype(bool) & part)[0]
        assert (leader[part] == chosen).all()
