"""From flat indices of a contraction's roles to memory, and the sizes of its kernels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pharos import ir
from pharos.targets.common.contractions.gpu_stage import contractions
from pharos.targets.common.contractions.tiles import (
    Tiles,
    UnitSizes,
    default_tiles,
    problems,
    with_overrides,
)
from pharos.targets.common.contractions.walk import Walk, power_of_two, walks

MMA = UnitSizes(16, 8, 16)


def contraction(a, b, c, maps):
    """The product of memrefs ``a`` and ``b`` into ``c``, read through the three ``maps``."""
    dims = "b, m, n, k"
    maps = ", ".join(f"affine_map<({dims}) -> ({m})>" for m in maps)
    text = f"""func.func @main(%A: memref<{a}>, %B: memref<{b}>, %C: memref<{c}>) {{
      linalg.generic {{indexing_maps = [{maps}],
          iterator_types = ["parallel", "parallel", "parallel", "reduction"]}}
        ins(%A, %B : memref<{a}>, memref<{b}>) outs(%C : memref<{c}>) {{
      ^bb0(%x: f32, %y: f32, %o: f32):
        %p = arith.mulf %x, %y : f32
        %s = arith.addf %o, %p : f32
        linalg.yield %s : f32
      }}
      return
    }}"""
    module = ir.parse(text)
    (found,) = contractions(module)
    return module, found


def test_loops_that_follow_each_other_in_memory_are_one_digit():
    _module, one = contraction("2x3x5xf32", "5x7xf32", "2x3x7xf32", ["b, m, k", "k, n", "b, m, n"])
    of_left = walks(one, one.left.operands[0])
    assert of_left["rows"].digits == ((6, 5),)
    assert of_left["inner"].digits == ((5, 1),)
    assert of_left["batch"].digits == of_left["columns"].digits == ()


def test_loops_with_a_gap_are_two_digits():
    view = "2x3x5xf32, strided<[40, 10, 2]>"
    _module, one = contraction(view, "5x7xf32", "2x3x7xf32", ["b, m, k", "k, n", "b, m, n"])
    assert walks(one, one.left.operands[0])["rows"].digits == ((2, 40), (3, 10))


def test_a_shared_factor_does_not_move_with_the_batch():
    _module, one = contraction(
        "4x3x5xf32", "4x7x5xf32", "4x3x7xf32", ["b, m, k", "b, n, k", "b, m, n"]
    )
    assert walks(one, one.right.operands[0])["batch"].digits == ((4, 35),)
    assert walks(one, one.right.operands[0])["rows"].digits == ()


@pytest.mark.parametrize(
    ("digits", "longest"),
    [
        (((64, 1),), 8),
        (((12, 1),), 4),
        (((7, 1),), 1),
        (((64, 2),), 1),
        (((3, 20), (16, 1)), 4),
        (((3, 21), (16, 1)), 1),
        ((), 1),
    ],
)
def test_vectors_are_pieces_of_memory_at_multiples_of_their_length(digits, longest):
    assert Walk(digits).vector(8) == longest


@given(st.integers(1, 64), st.lists(st.integers(0, 1000), max_size=4))
def test_the_largest_power_of_two(most, numbers):
    found = power_of_two(most, *numbers)
    assert found & (found - 1) == 0 and found <= most
    assert all(number % found == 0 for number in numbers)
    assert found * 2 > most or any(number % (found * 2) for number in numbers)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_default_tiles_are_legal_for_every_size(m, n):
    for unit, block_k, most in ((MMA, 32, (64, 64)), (UnitSizes(16, 32, 4), 8, (32, 64))):
        tiles = default_tiles(unit, m, n, block_k, 2, most)
        assert problems(tiles, unit, 32, 1024) == []
        assert tiles.sub_m <= most[0] and tiles.sub_n <= most[1]


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"block_m": 0}, "block_m = 0 is not a positive number"),
        ({"sub_m": 24, "block_m": 48}, "sub_m = 24 is not a multiple of 16"),
        ({"block_n": 100}, "block_n = 100 is not a multiple of 64, the sub_n"),
        ({"block_m": 2048}, "work-items of 1024"),
        ({"stages": 1}, "stages = 1 leaves no tile"),
    ],
)
def test_tiles_that_do_not_fit_are_told(given_, message):
    tiles = with_overrides(Tiles(128, 128, 32, 64, 64, 3), given_)
    assert any(message in problem for problem in problems(tiles, MMA, 32, 1024))
