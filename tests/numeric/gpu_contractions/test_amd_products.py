"""Products of matrices on the simulated AMD GPUs, and the code object of every kernel of them."""

from __future__ import annotations

import pytest
from gpu_products import Product, built, check

from pharos.targets.amd.facts import CHIPS
from pharos.targets.common.gpu.finish import REPORT
from pharos.toolchain import target

SHAPES = [
    (64, 64, 64),
    (128, 96, 32),
    (2, 2, 2),
    (3, 5, 7),
    (17, 33, 9),
    (33, 17, 65),
    (100, 90, 70),
    (65, 130, 40),
    (16, 8, 200),
    (1000, 3, 5),
    (31, 257, 33),
    (96, 100, 1001),
]
TYPES = [("f16", "f32"), ("bf16", "f32"), ("f32", "f32"), ("f16", "f16"), ("bf16", "bf16")]
TURNED = ["", "a", "b", "ab"]
FAST = [
    ("gfx1100", Product(33, 17, 21, "f16", "f16", finish="bias-relu")),
    ("gfx1100", Product(17, 9, 33, "f32", "f32", "a", batch=3, finish="add")),
    ("gfx1151", Product(65, 30, 24, "bf16", "f32", "b", start="value")),
    ("gfx942", Product(64, 64, 64, "f16", "f32", "ab")),
    ("gfx942", Product(33, 40, 50, "f32", "f32", "a", finish="bias-relu")),
]


def check_code(one: Product, chip: str, **parameters: str) -> None:
    """``one`` becomes one kernel that was linked and checked, and keeps all in registers.

    Scalar registers may spill into lanes of vector registers (masks of many edges); no memory is
    used for that.
    """
    report = built(one, f"amd:{chip}", **parameters).metadata[REPORT]
    facts = CHIPS[chip]
    assert len(report) == 1
    for kernel in report.values():
        assert kernel["wave"] == facts.subgroup_size
        assert kernel["vgpr_spills"] == kernel["scratch"] == 0
        assert kernel["sgpr_spills"] <= 8
        assert 0 < kernel["vgprs"] + kernel["agprs"] <= facts.registers
        assert kernel["max_block"] == kernel["block"][0] <= facts.max_block


@pytest.mark.parametrize(("chip", "one"), FAST, ids=str)
def test_products_of_every_kind(one, chip):
    check(one, f"amd:{chip}:sim")
    check_code(one, chip)


@pytest.mark.parametrize(
    ("chip", "dtype", "f32", "instruction"),
    [
        ("gfx1100", "f16", "matrix", "v_wmma_f32_16x16x16_f16"),
        ("gfx1151", "bf16", "matrix", "v_wmma_f32_16x16x16_bf16"),
        ("gfx942", "f16", "matrix", "v_mfma_f32_16x16x16_f16"),
        ("gfx942", "bf16", "matrix", "v_mfma_f32_16x16x16_bf16"),
        ("gfx942", "f32", "matrix", "v_mfma_f32_16x16x4_f32"),
        ("gfx942", "f32", "fma", "v_pk_fma_f32"),
    ],
)
def test_the_code_has_the_chips_instructions(chip, dtype, f32, instruction):
    artifact = built(Product(32, 32, 32, dtype), f"amd:{chip}", f32=f32)
    text = target(f"amd:{chip}").assembly(artifact)
    assert instruction in text
    assert ("mfma" in text or "wmma" in text) == (f32 == "matrix")


def test_large_tiles_take_the_large_instruction():
    """32 x 32 sums at a time where the tiles allow it: half the operands for the same products."""
    artifact = built(Product(64, 64, 64), "amd:gfx942")
    text = target("amd:gfx942").assembly(artifact)
    assert "v_mfma_f32_32x32x8_f16" in text and "v_mfma_f32_16x16x16_f16" not in text


def test_short_loops_that_spill_when_unrolled_are_not_unrolled():
    check_code(Product(23, 50, 19, "f32", "f32", start="value"), "gfx1100")


@pytest.mark.slow
@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("types", TYPES, ids="-".join)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_in_every_type(shape, types, chip):
    number = SHAPES.index(shape) + TYPES.index(types)
    one = Product(*shape, dtype=types[0], out=types[1], turned=TURNED[number % 4])
    check(one, f"amd:{chip}:sim")
    check_code(one, chip)


@pytest.mark.slow
@pytest.mark.parametrize("chip", ["gfx1100", "gfx942"])
@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize("types", TYPES, ids="-".join)
def test_every_transposition_with_batches_start_and_finish(types, turned, chip):
    kinds = {"dtype": types[0], "out": types[1], "turned": turned}
    for one in (
        Product(40, 72, 48, batch=2, **kinds),
        Product(23, 50, 19, start="value", **kinds),
        Product(50, 24, 31, finish="bias-relu", **kinds),
    ):
        check(one, f"amd:{chip}:sim")
        check_code(one, chip)


@pytest.mark.slow
@pytest.mark.parametrize("chip", ["gfx1100", "gfx942"])
@pytest.mark.parametrize(
    ("dtype", "out"), [("f64", "f64"), ("i32", "i32"), ("f16", "f64"), ("f32", "f32")]
)
def test_multiply_adds(dtype, out, chip):
    for one in (Product(40, 50, 30, dtype, out, "b"), Product(7, 66, 129, dtype, out)):
        check(one, f"amd:{chip}:sim", f32="fma")
        if (dtype, out) != ("f16", "f64"):  # widened on the way, its factors spill on gfx1100
            check_code(one, chip, f32="fma")
