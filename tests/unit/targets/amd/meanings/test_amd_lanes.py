"""Every instruction that moves values between lanes, alone, against loops over lanes."""

from __future__ import annotations

import numpy as np
import pytest
from amd_instruction import Instruction

from pharos.core.errors import UserError
from pharos.simt import SimulationFault

WAVES = (32, 64)
RANDOM = np.random.default_rng(5)


def values(count: int) -> np.ndarray:
    return RANDOM.integers(-(1 << 31), 1 << 31, count).astype(np.int32)


@pytest.mark.parametrize("lanes", WAVES)
def test_workitem_ids(lanes):
    for axis in "xyz":
        run = Instruction(f"call i32 @llvm.amdgcn.workitem.id.{axis}()", lanes=lanes)
        expected = np.arange(128) if axis == "x" else np.zeros(128)
        np.testing.assert_array_equal(run(threads=128), expected)


def test_workgroup_id_and_wave_size():
    assert set(Instruction("call i32 @llvm.amdgcn.workgroup.id.x()")()) == {0}
    for lanes in WAVES:
        run = Instruction("call i32 @llvm.amdgcn.wavefrontsize()", lanes=lanes)
        assert set(run()) == {lanes}


@pytest.mark.parametrize("lanes", WAVES)
def test_mbcnt_counts_the_bits_below_a_lane(lanes):
    mask, start = values(lanes), values(lanes)
    for half in ("lo", "hi"):
        text = f"call i32 @llvm.amdgcn.mbcnt.{half}(i32 %a0, i32 %a1)"
        found = Instruction(text, ("i32", "i32"), lanes=lanes)(mask, start)
        first = 0 if half == "lo" else 32
        bits = [
            sum(int(mask[lane]) >> bit & 1 for bit in range(32) if first + bit < lane)
            for lane in range(lanes)
        ]
        np.testing.assert_array_equal(found, start + np.array(bits, np.int32))


@pytest.mark.parametrize("lanes", WAVES)
def test_the_number_of_a_lane(lanes):
    before = "  %low = call i32 @llvm.amdgcn.mbcnt.lo(i32 -1, i32 0)"
    run = Instruction(
        "call i32 @llvm.amdgcn.mbcnt.hi(i32 -1, i32 %low)", before=before, lanes=lanes
    )
    np.testing.assert_array_equal(run(threads=2 * lanes), np.tile(np.arange(lanes), 2))


@pytest.mark.parametrize("lanes", WAVES)
def test_readlane_readfirstlane_writelane(lanes):
    x, old = values(2 * lanes), values(2 * lanes)
    read = Instruction("call i32 @llvm.amdgcn.readlane.i32(i32 %a0, i32 13)", ("i32",), lanes=lanes)
    found = read(x, threads=2 * lanes).reshape(2, lanes)
    np.testing.assert_array_equal(found, np.repeat(x.reshape(2, lanes)[:, 13:14], lanes, 1))
    first = Instruction("call i32 @llvm.amdgcn.readfirstlane.i32(i32 %a0)", ("i32",), lanes=lanes)
    found = first(x, threads=2 * lanes).reshape(2, lanes)
    np.testing.assert_array_equal(found, np.repeat(x.reshape(2, lanes)[:, :1], lanes, 1))
    text = "call i32 @llvm.amdgcn.writelane.i32(i32 %a0, i32 5, i32 %a1)"
    written = Instruction(text, ("i32", "i32"), lanes=lanes)(x, old, threads=2 * lanes)
    expected = old.copy()
    expected[[5, lanes + 5]] = x[[5, lanes + 5]]
    np.testing.assert_array_equal(written, expected)


def test_readlane_of_a_lane_that_is_not_there_is_a_fault():
    run = Instruction("call i32 @llvm.amdgcn.readlane.i32(i32 %a0, i32 30)", ("i32",))
    with pytest.raises(SimulationFault, match="lane 30"):
        run(values(40), threads=40)


@pytest.mark.parametrize("lanes", WAVES)
def test_ds_bpermute_reads_any_lane(lanes):
    x, address = values(lanes), values(lanes)
    run = Instruction(
        "call i32 @llvm.amdgcn.ds.bpermute(i32 %a0, i32 %a1)", ("i32", "i32"), lanes=lanes
    )
    expected = [x[(int(a) & 0xFFFFFFFF) // 4 % lanes] for a in address]
    np.testing.assert_array_equal(run(address, x), expected)


def test_ds_bpermute_reads_zero_of_lanes_that_are_not_there():
    x = values(40)
    address = np.full(40, 4 * 20, np.int32)
    run = Instruction("call i32 @llvm.amdgcn.ds.bpermute(i32 %a0, i32 %a1)", ("i32", "i32"))
    found = run(address, x, threads=40)
    np.testing.assert_array_equal(found, [x[20]] * 32 + [0] * 8)


@pytest.mark.parametrize("lanes", WAVES)
def test_ds_permute_sends_to_any_lane(lanes):
    x, to = values(lanes), RANDOM.integers(0, lanes, lanes).astype(np.int32)
    run = Instruction(
        "call i32 @llvm.amdgcn.ds.permute(i32 %a0, i32 %a1)", ("i32", "i32"), lanes=lanes
    )
    expected = np.zeros(lanes, np.int32)
    for lane in range(lanes):
        expected[to[lane]] = x[lane]
    np.testing.assert_array_equal(run(4 * to, x), expected)


@pytest.mark.parametrize("lanes", WAVES)
def test_ballot(lanes):
    condition = RANDOM.integers(0, 2, lanes).astype(np.uint8)
    type, dtype = ("i32", np.uint32) if lanes == 32 else ("i64", np.uint64)
    run = Instruction(f"call {type} @llvm.amdgcn.ballot.{type}(i1 %a0)", ("i1",), lanes=lanes)
    mask = sum(int(bit) << lane for lane, bit in enumerate(condition))
    assert set(run(condition, dtype=dtype).tolist()) == {mask}


@pytest.mark.parametrize("other", ["", "x"])
def test_permlane16(other):
    x, old = values(32), values(32)
    low, high = 0x3210FEDC, 0x76541198
    text = (
        f"call i32 @llvm.amdgcn.permlane{other}16.i32"
        f"(i32 %a0, i32 %a1, i32 {low}, i32 {high}, i1 false, i1 false)"
    )
    found = Instruction(text, ("i32", "i32"))(old, x)
    expected = []
    for lane in range(32):
        place, row = lane % 16, (lane // 16) ^ (other == "x")
        select = (low if place < 8 else high) >> 4 * (place % 8) & 15
        expected.append(x[16 * row + select])
    np.testing.assert_array_equal(found, expected)


def test_permlane64():
    x = values(64)
    text = "call i32 @llvm.amdgcn.permlane64.i32(i32 %a0)"
    np.testing.assert_array_equal(Instruction(text, ("i32",), lanes=64)(x), np.roll(x, 32))
    np.testing.assert_array_equal(Instruction(text, ("i32",), lanes=32)(x[:32]), x[:32])


SWIZZLES = {
    "swap neighbours": 0x041F,
    "broadcast of groups of eight": 0x0018,
    "reverse 32": 0x7C1F,
    "or and xor": 0x2951,
    "quads reversed": 0x801B,
    "quads all the last": 0x80FF,
    "rotate by 3": 0xC060,
    "rotate back by 5, in groups of 8": 0xC400 | 5 << 5 | 0x18,
}


def swizzled(pattern: int, lane: int) -> int:
    """The manual's pseudo code, DS_SWIZZLE_B32, for one lane."""
    if pattern >= 0xC000:
        rotate = pattern >> 5 & 0x1F
        mask = pattern & 0x1F
        rotate = -rotate if pattern >> 10 & 1 else rotate
        return (lane & mask) | ((lane + rotate) & ~mask & 0x1F) | (lane & 0x20)
    if pattern & 0x8000:
        return (lane & ~3) + (pattern >> 2 * (lane % 4) & 3)
    and_, or_, xor = pattern & 0x1F, pattern >> 5 & 0x1F, pattern >> 10 & 0x1F
    return ((((lane & 0x1F) & and_) | or_) ^ xor) | (lane & 0x20)


@pytest.mark.parametrize("lanes", WAVES)
def test_ds_swizzle(lanes):
    x = values(lanes)
    text = "\n".join(
        f"call i32 @llvm.amdgcn.ds.swizzle(i32 %a0, i32 {pattern})" for pattern in SWIZZLES.values()
    )
    found = Instruction(text, ("i32",), lanes=lanes)(x, shape=(len(SWIZZLES),))
    for number, (name, pattern) in enumerate(SWIZZLES.items()):
        expected = [x[swizzled(pattern, lane)] for lane in range(lanes)]
        np.testing.assert_array_equal(found[:, number], expected, err_msg=name)


def test_swizzles_of_fourier_transforms_are_refused():
    text = "call i32 @llvm.amdgcn.ds.swizzle(i32 %a0, i32 57344)"
    with pytest.raises(UserError, match="0xe000"):
        Instruction(text, ("i32",))(values(32))


def moved(control: int, lane: int, lanes: int) -> int | None:
    """The lane that DPP reads, after the manual's table; None for one that is not there."""
    row, place, n = lane // 16 * 16, lane % 16, control & 15
    if control < 0x100:
        return lane // 4 * 4 + (control >> 2 * (lane % 4) & 3)
    kinds = {
        0x100: lambda: row + place + n if place + n < 16 else None,
        0x110: lambda: row + place - n if place >= n else None,
        0x120: lambda: row + (place - n) % 16,
        0x150: lambda: row + n,
        0x160: lambda: row + (place ^ n),
    }
    if control & 0x1F0 in kinds:
        return kinds[control & 0x1F0]()
    singles = {
        0x130: lane + 1 if lane < 63 else None,
        0x134: (lane + 1) % 64,
        0x138: lane - 1 if lane else None,
        0x13C: (lane - 1) % 64,
        0x140: row + 15 - place,
        0x141: lane // 8 * 8 + 7 - lane % 8,
        0x142: row - 1 if row else None,
        0x143: 31 if lane >= 32 else None,
    }
    return singles[control]


CONTROLS = [0x1B, 0xE4, 0x101, 0x107, 0x111, 0x118, 0x121, 0x12F, 0x140, 0x141, 0x150, 0x15A]
WAVE_32 = [0x161, 0x16F]
WAVE_64 = [0x130, 0x134, 0x138, 0x13C, 0x142, 0x143]


@pytest.mark.parametrize("lanes", WAVES)
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("masks", [(15, 15), (5, 6)])
def test_dpp(lanes, zeros, masks):
    x, old = values(lanes), values(lanes)
    rows, banks = masks
    controls = CONTROLS + (WAVE_32 if lanes == 32 else WAVE_64)
    text = "\n".join(
        f"call i32 @llvm.amdgcn.update.dpp.i32(i32 %a0, i32 %a1, i32 {control}, i32 {rows}, "
        f"i32 {banks}, i1 {str(zeros).lower()})"
        for control in controls
    )
    run = Instruction(text, ("i32", "i32"), lanes=lanes)
    found = run(old, x, shape=(len(controls),))
    for number, control in enumerate(controls):
        expected = []
        for lane in range(lanes):
            source = moved(control, lane, lanes)
            on = rows >> lane // 16 & 1 and banks >> lane % 16 // 4 & 1
            outside = 0 if zeros else old[lane]
            expected.append((x[source] if source is not None else outside) if on else old[lane])
        expected = np.array(expected, np.int32)
        np.testing.assert_array_equal(found[:, number], expected, err_msg=f"{control:#x}")


def test_dpp_of_floats_and_controls_that_are_not_there():
    x = RANDOM.standard_normal(32).astype(np.float32)
    text = "call float @llvm.amdgcn.mov.dpp.f32(float %a0, i32 {}, i32 15, i32 15, i1 true)"
    found = Instruction(text.format(0x121), ("float",))(x, dtype=np.float32)
    np.testing.assert_array_equal(found.reshape(2, 16), np.roll(x.reshape(2, 16), 1, 1))
    with pytest.raises(UserError, match="0x142 in waves of 32"):
        Instruction(text.format(0x142), ("float",))(x, dtype=np.float32)


def test_lanes_that_stay_away_are_a_fault():
    """In hardware the other lanes would go on without them: a kernel must not rely on that."""
    text = "call i32 @llvm.amdgcn.ds.bpermute(i32 %a0, i32 %a0)"
    before = "  %low = icmp ult i32 %tid, 7\n  br i1 %low, label %yes, label %no\nyes:"
    run = Instruction(text, ("i32",), before)
    module = run.module().replace("  ret void\n}", "  br label %no\nno:\n  ret void\n}")
    run.module = lambda: module
    with pytest.raises(SimulationFault):
        run(np.zeros(32, np.int32))
