"""Instructions of one lane, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from amd_instruction import Instruction

RANDOM = np.random.default_rng(3)
FUNCTIONS = {
    "rcp": lambda x: 1 / x,
    "rsq": lambda x: 1 / np.sqrt(x),
    "sqrt": np.sqrt,
    "exp2": np.exp2,
    "log": np.log2,
}


def words(count: int = 32) -> np.ndarray:
    return RANDOM.integers(0, 1 << 32, count, dtype=np.uint64).astype(np.uint32)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_off_by_one_unit_at_most(name):
    x = RANDOM.uniform(0.01, 20, 32).astype(np.float32)
    found = Instruction(f"call float @llvm.amdgcn.{name}.f32(float %a0)", ("float",))(
        x, dtype=np.float32
    )
    exact = FUNCTIONS[name](x.astype(np.float64))
    assert (np.abs(found - exact) <= np.spacing(np.abs(exact).astype(np.float32))).all()


def test_median():
    a, b, c = (RANDOM.standard_normal(32).astype(np.float32) for _ in range(3))
    text = "call float @llvm.amdgcn.fmed3.f32(float %a0, float %a1, float %a2)"
    found = Instruction(text, ("float",) * 3)(a, b, c, dtype=np.float32)
    np.testing.assert_array_equal(found, np.median([a, b, c], axis=0))


@pytest.mark.parametrize("sign", ["u", "s"])
def test_bit_fields(sign):
    x, first = words(), RANDOM.integers(0, 32, 32).astype(np.int32)
    width = RANDOM.integers(0, 40, 32).astype(np.int32)
    width[:3] = (0, 32, 31)
    text = f"call i32 @llvm.amdgcn.{sign}bfe.i32(i32 %a0, i32 %a1, i32 %a2)"
    found = Instruction(text, ("i32",) * 3)(x, first, width)
    for value, start, wide, got in zip(x, first, width, found, strict=True):
        bits = int(wide) & 31
        whole = int(np.int32(value)) if sign == "s" else int(value)
        field = whole >> int(start) & ((1 << bits) - 1)
        if sign == "s" and bits and field >> (bits - 1):
            field -= 1 << bits
        assert np.int64(got) & 0xFFFFFFFF == field & 0xFFFFFFFF, (value, start, wide)


def test_permuted_bytes():
    high, low = words(), words()
    selectors = RANDOM.integers(0, 15, (32, 4)).astype(np.uint8)
    text = "call i32 @llvm.amdgcn.perm(i32 %a0, i32 %a1, i32 %a2)"
    found = Instruction(text, ("i32",) * 3)(high, low, selectors, dtype=np.uint32)
    for h, lo, chosen, got in zip(high, low, selectors, found, strict=True):
        eight = np.array([lo, h], np.uint32).view(np.uint8)
        signs = [255 * int(eight[n] >> 7) for n in (1, 3, 5, 7)]
        table = [*eight.tolist(), *signs, 0, 255, 255]
        assert np.uint32(got).tobytes() == bytes(table[s] for s in chosen)
