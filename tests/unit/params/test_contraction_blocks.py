"""The cost model of blocked contractions: legal for every size, right where that is known."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pharos import ir
from pharos.params.blocking import (
    Blocks,
    Extents,
    Unit,
    cycles,
    cycles_per_step,
    registers_of,
)
from pharos.params.contractions import NAMES, best_blocks, contraction_blocks, problems
from pharos.params.matrix_blocks import best_matrix_blocks, matrix_cycles, matrix_problems
from pharos.params.vector_unit import bf16_unit
from pharos.payload import inspect_payload
from pharos.targets.cpu.facts import CpuFacts

AVX512 = Unit(16, 4, 32, 48 << 10, 2 << 20, 16 << 20, 2)
AVX2 = Unit(8, 4, 16, 32 << 10, 256 << 10, 4 << 20, 4)
SSE = Unit(4, 4, 16, 32 << 10, 256 << 10, 4 << 20, 1)
F64 = Unit(8, 8, 32, 48 << 10, 2 << 20, 16 << 20, 2)
UNITS = [AVX512, AVX2, SSE, F64]

sizes = st.one_of(st.integers(1, 70), st.integers(1, 200_000))
extents = st.builds(Extents, st.integers(1, 64), sizes, sizes, sizes)


def values(blocks: Blocks) -> dict[str, int]:
    return {name: getattr(blocks, name) for name in NAMES}


@settings(max_examples=60, deadline=None)
@given(extents, st.sampled_from(UNITS))
def test_every_size_gets_legal_blocks(work, unit):
    blocks = best_blocks(work, unit)
    assert problems(values(blocks), unit) == []
    assert blocks.mr <= work.rows and blocks.kc <= work.inner
    assert blocks.mc < work.rows + blocks.mr and blocks.nc < work.columns + blocks.nr
    assert cycles(work, blocks, unit) > 0


@settings(max_examples=30, deadline=None)
@given(extents, st.sampled_from(UNITS))
def test_the_choice_is_a_function_of_its_arguments(work, unit):
    best_blocks(work, unit)
    again = Unit(**{name: getattr(unit, name) for name in unit.__dataclass_fields__})
    assert best_blocks(work, again) == best_blocks(work, unit)


@settings(max_examples=30, deadline=None)
@given(extents, st.sampled_from(UNITS), st.integers(1, 8), st.sampled_from([1, 2]))
def test_given_values_are_kept_and_the_others_fit_them(work, unit, mr, vectors):
    fixed = {"mr": min(mr, unit.lanes), "nr": vectors * unit.lanes}
    if registers_of(fixed["mr"], fixed["nr"], unit) > unit.registers:
        return
    blocks = best_blocks(work, unit, fixed)
    assert (blocks.mr, blocks.nr) == (fixed["mr"], fixed["nr"])
    assert problems(values(blocks), unit) == []


@settings(max_examples=30, deadline=None)
@given(extents, st.sampled_from(UNITS), st.sampled_from(["mr", "nr", "kc"]), st.integers(1, 12))
def test_any_one_value_may_be_given(work, unit, name, number):
    value = {"mr": min(number, unit.lanes), "nr": unit.lanes * (1 + number % 4), "kc": number}[name]
    blocks = best_blocks(work, unit, {name: value})
    assert getattr(blocks, name) == value
    assert problems(values(blocks), unit) == []


def test_a_block_that_is_given_is_a_whole_number_of_tiles():
    blocks = best_blocks(Extents(1, 1000, 1000, 1000), AVX512, {"mc": 70, "nc": 320})
    assert (blocks.mc, blocks.nc) == (70, 320)
    assert problems(values(blocks), AVX512) == []


@settings(max_examples=30, deadline=None)
@given(extents, st.sampled_from(UNITS))
def test_more_work_never_costs_less(work, unit):
    blocks = best_blocks(work, unit)
    more = Extents(work.batch, work.rows, work.columns, work.inner + blocks.kc)
    assert cycles(more, blocks, unit) >= cycles(work, blocks, unit)


def test_large_squares_get_the_tiles_that_are_known_to_be_best():
    # 24 of 32 registers hold sums with AVX-512, 12 of 16 with AVX2.
    large = Extents(1, 1020, 1024, 1024)
    blocks = best_blocks(large, AVX512)
    assert (blocks.mr, blocks.nr) == (8, 48)
    assert blocks.mc * blocks.kc * 4 <= AVX512.l2 // 2
    blocks = best_blocks(Extents(1, 1020, 1024, 1024), AVX2)
    assert (blocks.mr, blocks.nr) == (6, 16)


def test_the_tile_with_fewer_loads_is_ahead_as_a_busy_core_issues_half_as_many_instructions():
    assert cycles_per_step(12, 32, AVX512) > cycles_per_step(8, 48, AVX512) > 12


def test_a_last_tile_of_fewer_vectors_costs_less():
    wide, narrow = Extents(1, 64, 144, 512), Extents(1, 64, 112, 512)
    blocks = Blocks(8, 48, 64, 144, 512)
    assert cycles(narrow, blocks, AVX512) < 0.85 * cycles(wide, blocks, AVX512)


def test_a_tile_has_no_more_rows_than_there_are():
    assert best_blocks(Extents(1, 3, 4096, 512), AVX512).mr == 3


def test_few_rows_have_more_columns_so_that_sums_do_not_wait_for_each_other():
    assert best_blocks(Extents(1, 3, 4096, 512), AVX512).nr == 64


def test_edges_count():
    # 40 rows are five tiles of 8, and four of 12 with eight rows wasted; 60 rows are five of 12.
    assert best_blocks(Extents(1, 40, 512, 512), AVX512).mr == 8
    assert best_blocks(Extents(1, 60, 512, 512), AVX512).mr == 12


def test_sums_that_do_not_fit_the_caches_are_cut():
    blocks = best_blocks(Extents(1, 4096, 4096, 100_000), AVX512)
    assert blocks.kc <= 1024


def test_fewer_threads_cost_more():
    work = Extents(1, 1024, 1024, 1024)
    blocks = best_blocks(work, AVX512)
    one = Unit(16, 4, 32, 48 << 10, 2 << 20, 16 << 20, 1)
    assert cycles(work, blocks, one) > 1.5 * cycles(work, blocks, AVX512)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nr": 20, "nc": 320}, "nr = 20 is not a multiple of 16"),
        ({"mr": 17, "mc": 170, "nr": 16}, "mr = 17 is more than 16"),
        ({"mr": 16, "mc": 160, "nr": 64}, "needs 69 vector registers, there are 32"),
        ({"mc": 100}, "mc = 100 is not a multiple of mr = 12"),
        ({"nc": 100}, "nc = 100 is not a multiple of nr = 32"),
        ({"kc": 0}, "kc = 0 is not an integer from 1"),
        ({"kc": True}, "kc = True is not an integer"),
        ({"mr": "12"}, "mr = 12 is not an integer"),
        ({"tile": 4}, "tile is no parameter of it; there are mr, nr, mc, nc, kc"),
    ],
)
def test_impossible_values_break_a_named_constraint(changes, said):
    legal = {"mr": 12, "nr": 32, "mc": 240, "nc": 320, "kc": 256}
    assert problems(legal, AVX512) == []
    assert any(said in one for one in problems({**legal, **changes}, AVX512))


FACTS = CpuFacts("v", "m", "x86_64", frozenset(), 512, 32, 48 << 10, 2 << 20, 16 << 20, 64, 2, 2)


def choices(text: str):
    facts = inspect_payload(ir.parse(text))
    return contraction_blocks(facts, FACTS, simd_bits=512, registers=32, threads=2)


def test_only_contractions_and_convolutions_of_types_with_vectors_get_blocks():
    def matmul(dtype: str) -> str:
        a, b, c = (f"tensor<{n}x{m}x{dtype}>" for n, m in ((64, 32), (32, 48), (64, 48)))
        return f"""func.func @f(%a: {a}, %b: {b}, %c: {c}) -> {c} {{
          %r = linalg.matmul ins(%a, %b : {a}, {b}) outs(%c : {c}) -> {c}
          return %r : {c} }}"""

    (one,) = choices(matmul("f32"))
    chosen = one.choose({})
    assert one.key.startswith("contraction-") and set(chosen) == set(NAMES)
    assert "registers" in chosen["mr"].why
    assert choices(matmul("i8")) == ()
    assert choices("func.func @f() { return }") == ()
    (double,) = choices(matmul("f64"))
    assert double.choose({})["nr"].value % 8 == 0


def test_sizes_known_at_run_time_are_said_to_be_assumed():
    (one,) = choices("""func.func @f(%a: tensor<?x64xf32>, %b: tensor<64x?xf32>,
        %c: tensor<?x?xf32>) -> tensor<?x?xf32> {
      %r = linalg.matmul ins(%a, %b : tensor<?x64xf32>, tensor<64x?xf32>)
        outs(%c : tensor<?x?xf32>) -> tensor<?x?xf32>
      return %r : tensor<?x?xf32> }""")
    assert "sizes known at run time taken as 1024" in one.choose({})["mr"].why


def test_columns_are_the_side_that_is_contiguous_in_the_result():
    (one,) = choices("""func.func @f(%x: tensor<1x3x18x18xf32>, %w: tensor<4x3x3x3xf32>,
        %c: tensor<1x4x16x16xf32>) -> tensor<1x4x16x16xf32> {
      %r = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<1x3x18x18xf32>, tensor<4x3x3x3xf32>)
        outs(%c : tensor<1x4x16x16xf32>) -> tensor<1x4x16x16xf32>
      return %r : tensor<1x4x16x16xf32> }""")
    # The four features are rows of a tile, the 256 places its columns.
    assert one.choose({})["mr"].value <= 4


class Tiled:
    """A CPU with matrix tiles, as far as selectors ask."""

    has_amx = True
    features = frozenset({"avx512f", "avx512bf16", "amx-tile", "amx-bf16"})


def test_the_unit_for_bf16_is_the_best_there_is():
    plain, dots = Tiled(), Tiled()
    plain.has_amx = dots.has_amx = False
    plain.features = frozenset({"avx512f"})
    assert [bf16_unit(cpu) for cpu in (Tiled(), dots, plain)] == ["amx", "avx512-bf16", "fma"]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 9000))
def test_every_product_on_matrix_tiles_gets_legal_blocks(rows, columns, inner):
    extents, unit = Extents(1, rows, columns, inner), AVX512
    blocks = best_matrix_blocks(extents, unit)
    assert matrix_problems(vars(blocks)) == []
    assert (blocks.mr == 16) == (
        matrix_cycles(extents, 16, blocks.nr) < matrix_cycles(extents, 32, blocks.nr)
    )


def test_matrix_blocks_that_no_tile_fits_are_refused_with_the_constraint():
    found = matrix_problems({"mr": 12, "nr": 32, "mc": 24, "nc": 48, "kc": 48})
    assert "mr = 12 is not 16 or 32" in found[0]
    assert [problem.split(" = ")[0] for problem in found[1:]] == ["nc", "kc"]
