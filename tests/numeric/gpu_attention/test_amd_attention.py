"""Attention on the simulated AMD GPUs, and the code object of every kernel of it."""

from __future__ import annotations

import pytest
from gpu_attentions import TILES, Heads, built, check, fits, matrix

from pharos.targets.common.gpu.finish import REPORT
from pharos.toolchain import target


def spill_nothing(artifact):
    """All stays in vector registers; scalar ones may spill into lanes of these."""
    for kernel in artifact.metadata[REPORT].values():
        assert kernel["vgpr_spills"] == kernel["scratch"] == 0


@pytest.mark.parametrize(
    ("chip", "one"),
    [
        ("gfx1100", Heads(m=1, n=70, heads=4, group=4, dk=32, dtype="f16")),
        pytest.param(
            "gfx942",
            Heads(heads=1, m=21, n=40, dk=48, dtype="f32", keep=True, empty="zero"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=str,
)
def test_matrix_instructions(chip, one):
    check(one, f"amd:{chip}:sim")


@pytest.mark.parametrize(
    ("chip", "dtype", "instruction"),
    [
        pytest.param("gfx1100", "bf16", "v_wmma_f32_16x16x16_bf16", marks=pytest.mark.slow),
        pytest.param("gfx942", "f16", "v_mfma_f32_16x16x16_f16", marks=pytest.mark.slow),
        pytest.param("gfx942", "f32", "v_mfma_f32_16x16x4_f32", marks=pytest.mark.slow),
    ],
)
def test_the_code_has_the_chips_instructions_and_spills_nothing(chip, dtype, instruction):
    artifact = built(Heads(dtype=dtype), f"amd:{chip}")
    assert instruction in target(f"amd:{chip}").assembly(artifact)
    spill_nothing(artifact)


@pytest.mark.slow
@pytest.mark.parametrize("chip", ["gfx1100", "gfx942"])
@pytest.mark.parametrize("one", matrix(), ids=str)
def test_every_variant(one, chip):
    check(one, f"amd:{chip}:sim")
    spill_nothing(built(one, f"amd:{chip}"))


@pytest.mark.slow
@pytest.mark.parametrize("one", matrix()[::4], ids=str)
def test_variants_on_the_third_chip(one):
    check(one, "amd:gfx1151:sim")
    spill_nothing(built(one, "amd:gfx1151"))


@pytest.mark.slow
@pytest.mark.parametrize("chip", ["gfx1100", "gfx942"])
@pytest.mark.parametrize("tiles", TILES, ids=str)
@pytest.mark.parametrize("dtype", ["f16", "f32"])
def test_tiles_of_every_size(tiles, dtype, chip):
    one = Heads(m=100, n=150, dk=64, causal=50, dtype=dtype)
    if fits(one, f"amd:{chip}", **tiles):
        check(one, f"amd:{chip}:sim", **tiles)
        spill_nothing(built(one, f"amd:{chip}", **tiles))
