"""Comparisons of loop numbers as bands, against every place of a small matrix."""

from __future__ import annotations

import itertools
import operator

import pytest

from pharos import ir
from pharos.payload.bands import Bands

M, N = 5, 7
SIGNED = {"eq": operator.eq, "ne": operator.ne, "slt": operator.lt, "sle": operator.le,
          "sgt": operator.gt, "sge": operator.ge}  # fmt: skip
UNSIGNED = {"ult": operator.lt, "ule": operator.le, "ugt": operator.gt, "uge": operator.ge}
LOW = "%low = arith.constant 0xFF800000 : f32\n %big = arith.constant -3.0e38 : f32"


def read(body: str, value: str = "%t"):
    """The bands, and the value of a body over (m, n) with the score %s."""
    module = ir.parse(f"""
func.func @f(%a: tensor<{M}x{N}xf32>, %o: tensor<{M}x{N}xf32>) -> tensor<{M}x{N}xf32> {{
  %r = linalg.generic {{indexing_maps = [affine_map<(m, n) -> (m, n)>,
      affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}}
      ins(%a : tensor<{M}x{N}xf32>) outs(%o : tensor<{M}x{N}xf32>) {{
  ^bb0(%s: f32, %out: f32):
    {LOW}
    %m = linalg.index 0 : index
    %n = linalg.index 1 : index
    {body}
    linalg.yield {value} : f32
  }} -> tensor<{M}x{N}xf32>
  return %r : tensor<{M}x{N}xf32>
}}""")
    generic = next(
        op.operation
        for op in module.body.operations[0].regions[0].blocks[0].operations
        if op.operation.name == "linalg.generic"
    )
    end = list(generic.regions[0].blocks[0].operations)[-1]
    return module, Bands(0, 1, {0: M, 1: N}), end.operands[0]


def inside(sides, m, n):
    return n - m > sides.above or n - m < sides.below


COMPARED = [
    *itertools.product(SIGNED, (-3, -1, 0, 2), (False, True), ("index", "i64")),
    *itertools.product(UNSIGNED, (0, 2), (False, True), ("index", "i64")),
]


@pytest.mark.parametrize(("predicate", "shift", "swapped", "kind"), COMPARED)
def test_comparisons_hold_where_they_are_said_to(predicate, shift, swapped, kind):
    cast = "" if kind == "index" else "%mi = arith.index_cast %m : index to i64\n" \
        "%ni = arith.index_cast %n : index to i64\n"  # fmt: skip
    m, n = ("%m", "%n") if kind == "index" else ("%mi", "%ni")
    pair = f"{n}, %last" if not swapped else f"%last, {n}"
    _, bands, value = read(f"""{cast}
    %c = arith.constant {shift} : {kind}
    %last = arith.addi {m}, %c : {kind}
    %seen = arith.cmpi {predicate}, {pair} : {kind}
    %t = arith.select %seen, %s, %low : f32""")
    low = bands.low(value)
    compare = (SIGNED | UNSIGNED)[predicate]
    for m, n in itertools.product(range(M), range(N)):
        seen = compare(m + shift, n) if swapped else compare(n, m + shift)
        assert inside(low, m, n) == (not seen) or predicate == "ne", (m, n)
        assert not (inside(low, m, n) and seen)


def test_unsigned_comparisons_that_wrap_say_nothing():
    _, bands, value = read("""%c = arith.constant -3 : index
    %last = arith.addi %m, %c : index
    %seen = arith.cmpi ule, %n, %last : index
    %t = arith.select %seen, %s, %low : f32""")
    low = bands.low(value)
    assert not any(inside(low, m, n) for m in range(M) for n in range(N))


WINDOW = """%c = arith.constant 2 : index
    %seen = arith.cmpi sle, %n, %m : index
    %end = arith.addi %n, %c : index
    %late = arith.cmpi sgt, %end, %m : index
    %both = arith.andi %seen, %late : i1
"""


@pytest.mark.parametrize(
    "rest",
    [
        "%t = arith.select %both, %s, %low : f32",
        "%z = arith.constant 0.0 : f32\n %b = arith.select %both, %z, %low : f32\n"
        "%t = arith.addf %s, %b : f32",
        "%no = arith.constant true\n %out2 = arith.xori %both, %no : i1\n"
        "%x = arith.select %out2, %low, %s : f32\n %two = arith.constant 2.0 : f32\n"
        "%t = arith.mulf %x, %two : f32",
        "%w = arith.extui %both : i1 to i32\n %z = arith.constant 0 : i32\n"
        "%is = arith.cmpi eq, %w, %z : i32\n %t = arith.select %is, %low, %s : f32",
    ],
)
def test_windows_in_several_forms(rest):
    _, bands, value = read(WINDOW + rest)
    low = bands.low(value)
    for m, n in itertools.product(range(M), range(N)):
        assert inside(low, m, n) == (not m - 2 < n <= m)


def test_what_may_be_anything_is_not_called_low():
    for body in (
        "%t = arith.addf %s, %s : f32",
        WINDOW + "%t = arith.select %both, %low, %low : f32\n",
        WINDOW + "%minus = arith.constant -1.0 : f32\n %x = arith.select %both, %s, %low : f32\n"
        "%t = arith.mulf %x, %minus : f32",
        WINDOW + "%x = arith.select %both, %s, %big : f32\n %t = arith.addf %x, %s : f32",
    ):
        _, bands, value = read(body)
        everywhere = "select %both, %low, %low" in body
        assert inside(bands.low(value), 0, 0) == everywhere
        assert inside(bands.low(value), 0, 6) == everywhere


def test_large_numbers_are_low_only_when_asked_for():
    _, bands, value = read(WINDOW + "%t = arith.select %both, %s, %big : f32")
    assert not inside(bands.low(value), 0, 6)
    assert inside(bands.low(value, enormous=True), 0, 6)
