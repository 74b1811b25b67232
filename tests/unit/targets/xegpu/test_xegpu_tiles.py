"""Tiles, layouts and what block instructions can reach."""

import itertools

import pytest

from pharos.targets.xegpu.contractions.block_rules import objection, padded_width
from pharos.targets.xegpu.contractions.matrices import Matrix
from pharos.targets.xegpu.contractions.tiles import Tiles, default_tiles, problems
from pharos.targets.xegpu.facts import CHIPS
from pharos.targets.xegpu.layouts import Layout, prefetch_layout

BMG = CHIPS["bmg"]
LEGAL = Tiles(128, 128, 32, 32, 32, 32, 32).values()


def test_legal_tiles_have_no_problems():
    assert problems(LEGAL, BMG) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sg_m": 12}, "not a multiple of the rows of dpas = 8"),
        ({"sg_n": 24}, "not a multiple of the columns of dpas = 16"),
        ({"k_tile": 24, "load_b_k": 8}, "the depth of dpas"),
        ({"wg_m": 100}, "wg_m = 100 is not a multiple of sg_m = 32"),
        ({"load_a_m": 24}, "load_a_m = 24 is none of 8, 16, 32"),
        ({"load_b_k": 8}, "load_b_k = 8 is not a multiple of 16"),
        ({"wg_m": 512}, "64 subgroups in a workgroup are more than 32"),
        ({"sg_m": 128, "sg_n": 128}, "registers are needed, a subgroup has 256"),
        ({"prefetch": -1}, "prefetch = -1 is not an integer"),
        ({"wg_m": True}, "wg_m = True is not an integer"),
        ({"wide": 3}, "wide is no parameter of it"),
    ],
)
def test_each_constraint_is_named(change, message):
    found = problems({**LEGAL, **change}, BMG)
    assert any(message in line for line in found), found


def test_a_missing_value_is_named():
    assert problems({k: v for k, v in LEGAL.items() if k != "sg_n"}, BMG) == ["sg_n is missing"]


@pytest.mark.parametrize("chip", CHIPS)
def test_every_size_has_legal_tiles(chip):
    for m, n in itertools.product((1, 7, 16, 17, 33, 100, 127, 4096, 10**6), repeat=2):
        assert problems(default_tiles(m, n).values(), CHIPS[chip]) == []


def test_tiles_count_their_registers():
    # 32 x 32 sums in f32 and 32 x (32 + 32) factors of 2 bytes, in registers of 64 bytes.
    assert Tiles(128, 128, 32, 32, 32, 32, 32).registers(BMG) == 64 + 64


def test_layout_prints_as_mlir_reads_it():
    layout = Layout((4, 2), (32, 16), (8, 16), turned=True)
    assert str(layout) == (
        "#xegpu.layout<sg_layout = [4, 2], sg_data = [32, 16], inst_data = [8, 16], order = [0, 1]>"
    )
    assert layout.slice(0) == f"#xegpu.slice<{layout}, dims = [0]>"
    assert layout.tile == (128, 32)


@pytest.mark.parametrize(
    ("tile", "subgroups", "expected"),
    [
        ((128, 32), 16, Layout((8, 2), (16, 16), (16, 16))),
        ((32, 128), 16, Layout((2, 8), (16, 16), (16, 16))),
        ((256, 32), 8, Layout((4, 2), (64, 16), (32, 16))),
        ((16, 32), 16, None),
        ((32, 24), 2, None),
    ],
)
def test_prefetches_are_shared_or_not_at_all(tile, subgroups, expected):
    found = prefetch_layout(*tile, subgroups)
    assert found == expected
    assert found is None or found.tile == tile


def matrix(rows=64, columns=64, row_step=64, column_step=1, dtype="f16", **more):
    return Matrix(None, dtype, rows, columns, row_step, column_step, **more)


def test_an_ordinary_matrix_is_reached():
    assert objection(matrix(), ()) is None


def test_a_transposed_matrix_is_reached_by_its_columns():
    turned = matrix(rows=100, columns=40, row_step=1, column_step=104)
    assert turned.turned
    assert turned.surface == (40, 100, 104)
    assert objection(turned, ()) is None


@pytest.mark.parametrize(
    ("found", "batches", "message"),
    [
        (matrix(row_step=66), (), "pitch of 132 bytes"),
        (matrix(columns=33, row_step=64), (), "width of 66 bytes is no multiple of 4"),
        (matrix(columns=16, row_step=16), (), "width of 32 bytes is under 64"),
        (matrix(columns=64, row_step=32), (), "over its pitch"),
        (matrix(column_step=2, row_step=128), (), "not neighbours in memory"),
        (matrix(offset=8), (), "multiple of 64 bytes"),
        (matrix(offset=None), (), "multiple of 64 bytes"),
        (matrix(batch_steps=(72,)), (3,), "batches do not begin"),
        (matrix(row_step=1 << 24), (), "over 16777216"),
    ],
)
def test_what_block_loads_cannot_reach_is_told(found, batches, message):
    assert message in objection(found, batches)


def test_a_batch_of_one_needs_no_step():
    assert objection(matrix(batch_steps=(72,)), (1,)) is None


@pytest.mark.parametrize(
    ("width", "dtype", "expected"), [(1, "f16", 32), (33, "bf16", 64), (16, "f32", 16)]
)
def test_padded_rows_begin_at_lines(width, dtype, expected):
    assert padded_width(width, dtype) == expected
