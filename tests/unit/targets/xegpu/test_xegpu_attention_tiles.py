"""Tiles of attention, and what its kernels take."""

from dataclasses import replace

import pytest

from pharos.targets.xegpu.attention.reach import DEEPEST, objection
from pharos.targets.xegpu.attention.streams import Part, parts
from pharos.targets.xegpu.attention.tiles import Tiles, default_tiles, problems
from pharos.targets.xegpu.facts import CHIPS

BMG = CHIPS["bmg"]
LEGAL = Tiles(128, 16, 64, 32).values()


def test_legal_tiles_have_no_problems():
    assert problems(LEGAL, 64, 64, BMG) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sub_rows": 12}, "sub_rows = 12 is not a multiple of the rows of dpas = 8"),
        ({"keys": 40}, "keys = 40 is not a multiple of the columns of dpas = 16"),
        ({"columns": 24}, "columns = 24 is not a multiple of the columns of dpas = 16"),
        ({"rows": 100}, "rows = 100 is not a multiple of sub_rows = 16"),
        ({"rows": 1024}, "64 subgroups in a workgroup are more than 32"),
        ({"keys": 128}, "registers are needed, a subgroup has 256"),
        ({"splits": 0}, "splits = 0 is not an integer from 1 to 256"),
        ({"prefetch": True}, "prefetch = True is not an integer from 0 to 8"),
        ({"wide": 3}, "wide is no parameter of it; there are rows"),
    ],
)
def test_each_constraint_is_named(change, message):
    found = problems({**LEGAL, **change}, 64, 64, BMG)
    assert any(message in line for line in found), found


def test_a_missing_value_is_named():
    values = {name: value for name, value in LEGAL.items() if name != "keys"}
    assert problems(values, 64, 64, BMG) == ["keys is missing"]


def test_half_the_registers_take_half_the_rows():
    small = replace(BMG, thread_registers=128)
    assert any("a subgroup has 128" in line for line in problems(LEGAL, 64, 64, small))
    assert problems({**LEGAL, "sub_rows": 8, "keys": 32}, 64, 64, small) == []


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("m", [1, 8, 9, 100, 4096])
def test_every_head_has_legal_tiles(chip, m):
    for depth in range(1, DEEPEST + 1):
        tiles = default_tiles(m, depth, depth, CHIPS[chip])
        assert problems(tiles.values(), depth, depth, CHIPS[chip]) == []


def test_heads_are_cut_into_whole_columns():
    assert parts(80, 32) == (Part(0, 32), Part(32, 32), Part(64, 16))
    assert parts(5, 32) == (Part(0, 16),)


F16 = ["f16"] * 4


@pytest.mark.parametrize(
    ("sizes", "dtypes", "message"),
    [
        ((2, 9, 9, 64, 64), ["f32"] * 4, "dpas multiplies f16 or bf16"),
        ((2, 9, 9, 64, 64), ["f16", "bf16", "f16", "f16"], "dpas multiplies f16 or bf16"),
        ((2, None, 9, 64, 64), F16, "known only at run time"),
        ((2, 9, 0, 64, 64), F16, "no elements"),
        ((2, 9, 9, 320, 64), F16, "heads of 320 columns"),
        ((2, 9, 9, 64, 64), ["f16", "f16", "f16", "f64", "f16"], "a mask or bias of f64"),
    ],
)
def test_what_no_kernel_takes_is_told(sizes, dtypes, message):
    assert message in objection(sizes, dtypes)


def test_an_ordinary_attention_is_taken():
    assert objection((2, 9, 9, 64, 64), ["bf16", "bf16", "bf16", "f32", "i1", "bf16"]) is None
