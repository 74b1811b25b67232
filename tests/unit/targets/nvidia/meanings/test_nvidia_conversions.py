"""Conversions and small arithmetic against numpy."""

import ml_dtypes
import numpy as np
import pytest

RNG = np.random.default_rng(17)
WORDS = RNG.integers(-(2**31), 2**31, 32).astype(np.int32)
FLOATS = np.concatenate([RNG.standard_normal(28), [np.inf, -np.inf, 1 + 2**-11, -1 - 2**-11]])
FLOATS = FLOATS.astype(np.float32)


def test_tf32_rounds_to_the_nearest_away_from_zero(instruction):
    found = instruction("call i32 @llvm.nvvm.f2tf32.rna(float %a0)", ("float",))(FLOATS)
    got = found.view(np.float32)
    assert (found & 0x1FFF == 0).all()
    step = np.where(np.isfinite(FLOATS), 2.0 ** (np.frexp(FLOATS)[1] - 11), 1)
    finite = np.isfinite(FLOATS)
    assert (np.abs(got[finite] - FLOATS[finite]) <= step[finite] / 2).all()
    assert (got[28:30] == FLOATS[28:30]).all()
    assert list(got[30:]) == [1 + 2**-10, -1 - 2**-10]


def test_tf32_of_nan_is_nan(instruction):
    kernel = instruction("call i32 @llvm.nvvm.f2tf32.rna(float %a0)", ("float",))
    given = np.full(32, 0x7FFFFFFF, np.uint32).view(np.float32)
    assert np.isnan(kernel(given).view(np.float32)).all()


@pytest.mark.parametrize(
    ("name", "type", "element"),
    [("f16", "half", np.float16), ("bf16", "bfloat", ml_dtypes.bfloat16)],
)
@pytest.mark.parametrize("relu", ["", ".relu"])
def test_pairs_of_halves(instruction, name, type, element, relu):
    before = f"""  %x = call <2 x {type}> @llvm.nvvm.ff2{name}x2.rn{relu}(float %a0, float %a1)
  %w = bitcast <2 x {type}> %x to i32"""
    text = "call i32 @llvm.nvvm.prmt(i32 %w, i32 0, i32 12816)"
    kernel = instruction(text, ("float", "float"), before)
    upper, lower = FLOATS, FLOATS[::-1].copy()
    found = kernel(upper, lower).view(element).reshape(32, 2)
    wanted = np.stack([lower, upper], axis=1).astype(element)
    if relu:
        wanted = np.maximum(wanted, element(0))
    assert (found == wanted).all()


@pytest.mark.parametrize("a", "su")
@pytest.mark.parametrize("b", "su")
def test_dot_of_four(instruction, a, b):
    text = f"call i32 @llvm.nvvm.idp4a.{a}.{b}(i32 %a0, i32 %a1, i32 %a2)"
    x, y, z = WORDS, WORDS[::-1].copy(), np.roll(WORDS, 3)
    kinds = {"s": np.int8, "u": np.uint8}
    left, right = (v.view(kinds[k]).reshape(32, 4).astype(np.int64) for v, k in ((x, a), (y, b)))
    wanted = ((left * right).sum(1) + z).astype(np.int32)
    assert (instruction(text, ("i32",) * 3)(x, y, z) == wanted).all()


def test_permute_bytes(instruction):
    kernel = instruction("call i32 @llvm.nvvm.prmt(i32 %a0, i32 %a1, i32 %a2)", ("i32",) * 3)
    x, y, selectors = WORDS, WORDS[::-1].copy(), np.roll(WORDS, 5)
    found = kernel(x, y, selectors)
    pool = np.concatenate([x.view(np.int8).reshape(32, 4), y.view(np.int8).reshape(32, 4)], axis=1)
    for lane in range(32):
        nibbles = [int(selectors[lane]) >> 4 * place & 15 for place in range(4)]
        bytes_ = [pool[lane, n & 7] >> (7 if n & 8 else 0) for n in nibbles]
        assert found[lane] == np.array(bytes_, np.int8).view(np.int32)[0]


def test_fused_multiply_add_rounds_once(instruction):
    text = "call float @llvm.nvvm.fma.rn.f(float %a0, float %a1, float %a2)"
    kernel = instruction(text, ("float",) * 3)
    one = np.float32(1 + 2**-12)
    assert (kernel(one, one, -1 - 2**-11) == 2.0**-24).all()
