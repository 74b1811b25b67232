"""Matrix instructions, alone, against numpy; and where they keep their matrices."""

from __future__ import annotations

from collections import Counter

import ml_dtypes
import numpy as np
import pytest
from amd_instruction import Instruction

from pharos.core.errors import UserError
from pharos.simt import SimulationFault
from pharos.targets.amd import fragments
from pharos.targets.amd.fragments import WMMA

BF16 = ml_dtypes.bfloat16
# Layout, dtype, operand type, the name's rest.
MATRICES = {
    "wmma f16": (WMMA, np.float16, "<16 x half>", "wmma.f32.16x16x16.f16.v8f32.v16f16"),
    "wmma bf16": (WMMA, BF16, "<16 x i16>", "wmma.f32.16x16x16.bf16.v8f32.v16i16"),
    "mfma 16 f16": (fragments.MFMA_16_F16, np.float16, "<4 x half>", "mfma.f32.16x16x16f16"),
    "mfma 16 bf16": (fragments.MFMA_16_F16, BF16, "<4 x i16>", "mfma.f32.16x16x16bf16.1k"),
    "mfma 32 f16": (fragments.MFMA_32_F16, np.float16, "<4 x half>", "mfma.f32.32x32x8f16"),
    "mfma 32 bf16": (fragments.MFMA_32_F16, BF16, "<4 x i16>", "mfma.f32.32x32x8bf16.1k"),
    "mfma 16 f32": (fragments.MFMA_16_F32, np.float32, "float", "mfma.f32.16x16x4f32"),
    "mfma 32 f32": (fragments.MFMA_32_F32, np.float32, "float", "mfma.f32.32x32x2f32"),
}
LAYOUTS = [WMMA, *(getattr(fragments, n) for n in vars(fragments) if n.startswith("MFMA_"))]


def instruction(name: str, broadcast: int = 0) -> Instruction:
    layout, _, operand, rest = MATRICES[name]
    sums = f"<{layout.sums} x float>"
    flags = "" if "wmma" in name else f", i32 {broadcast}, i32 0, i32 0"
    text = f"call {sums} @llvm.amdgcn.{rest}({operand} %a0, {operand} %a1, {sums} %a2{flags})"
    return Instruction(text, (operand, operand, sums), lanes=layout.lanes)


def held(layout, matrix: np.ndarray) -> np.ndarray:
    """``matrix`` (lines by inner steps) as the lanes have it."""
    out = np.zeros((layout.lanes, layout.length), matrix.dtype)
    for line in range(layout.size):
        for k in range(layout.inner):
            for lane, element in layout.holders(line, k):
                out[lane, element] = matrix[line, k]
    return out


@pytest.mark.parametrize("name", MATRICES)
def test_products_are_numpys(name):
    layout, dtype, _, _ = MATRICES[name]
    random = np.random.default_rng(7)
    a = random.standard_normal((layout.size, layout.inner)).astype(dtype)
    b = random.standard_normal((layout.inner, layout.size)).astype(dtype)
    c = random.standard_normal((layout.size, layout.size)).astype(np.float32)
    places = [
        [layout.position(lane, e) for e in range(layout.sums)] for lane in range(layout.lanes)
    ]
    given = np.array([[c[p] for p in row] for row in places], np.float32)
    operands = [held(layout, a), held(layout, np.ascontiguousarray(b.T)), given]
    found = instruction(name)(*operands, dtype=np.float32, shape=(layout.sums,))
    product = a.astype(np.float64) @ b.astype(np.float64) + c
    expected = np.array([[product[p] for p in row] for row in places])
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * layout.inner)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_element_has_its_place(layout):
    """Each of D once, each of A and B once (WMMA: twice), and no place is left."""
    places = [layout.position(lane, e) for lane in range(layout.lanes) for e in range(layout.sums)]
    assert sorted(places) == [(r, c) for r in range(layout.size) for c in range(layout.size)]
    held = Counter(
        place
        for line in range(layout.size)
        for k in range(layout.inner)
        for place in layout.holders(line, k)
    )
    assert set(held.values()) == {1} and len(held) == layout.lanes * layout.length


# Rows as AMD's matrix instruction calculator prints them (-R), register{lane}: the tool is an
# independent description. ROCm/amd_matrix_instruction_calculator, 2025.
CALCULATOR_D = [
    (WMMA, (1, 0), (16, 0)),
    (WMMA, (6, 9), (9, 3)),
    (WMMA, (15, 15), (31, 7)),
    (fragments.MFMA_16_F16, (5, 3), (19, 1)),
    (fragments.MFMA_16_F32, (14, 8), (56, 2)),
    (fragments.MFMA_32_F16, (13, 7), (39, 5)),
    (fragments.MFMA_32_F32, (31, 31), (63, 15)),
]
CALCULATOR_A = [
    (WMMA, (4, 3), {(4, 3), (20, 3)}),
    (fragments.MFMA_16_F16, (2, 13), {(50, 1)}),
    (fragments.MFMA_32_F16, (2, 5), {(34, 1)}),
    (fragments.MFMA_16_F32, (9, 3), {(57, 0)}),
    (fragments.MFMA_32_F32, (30, 1), {(62, 0)}),
]


@pytest.mark.parametrize(("layout", "place", "holder"), CALCULATOR_D, ids=str)
def test_results_lie_where_amds_calculator_says(layout, place, holder):
    assert layout.position(*holder) == place


@pytest.mark.parametrize(("layout", "place", "holders"), CALCULATOR_A, ids=str)
def test_operands_lie_where_amds_calculator_says(layout, place, holders):
    assert set(layout.holders(*place)) == holders


def test_wmma_finds_halves_that_differ():
    a = np.ones((32, 16), np.float16)
    a[21, 3] = 2
    b, c = np.ones((32, 16), np.float16), np.zeros((32, 8), np.float32)
    with pytest.raises(SimulationFault, match="lane 21 differs"):
        instruction("wmma f16")(a, b, c, dtype=np.float32, shape=(8,))


def test_mfma_with_broadcasts_is_refused():
    operands = [np.ones((64, 4), np.float16)] * 2 + [np.zeros((64, 4), np.float32)]
    with pytest.raises(UserError, match="cbsz"):
        instruction("mfma 16 f16", broadcast=1)(*operands, dtype=np.float32, shape=(4,))


def test_products_of_another_waves_size_are_refused():
    run = instruction("wmma f16")
    run.lanes = 64
    operands = [np.ones((64, 16), np.float16)] * 2 + [np.zeros((64, 8), np.float32)]
    with pytest.raises(UserError, match="waves of 32, not of 64"):
        run(*operands, dtype=np.float32, shape=(8,))
