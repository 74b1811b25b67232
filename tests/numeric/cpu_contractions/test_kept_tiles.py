"""Products under a mask of rows and columns: only tiles with something in the mask are computed."""

from __future__ import annotations

import numpy as np
import pytest

from pharos import ir
from pharos.targets.common.contractions.contraction import read_contraction
from pharos.targets.common.contractions.surroundings import find_finish
from pharos.targets.common.nests.nest import generics, read_nest
from pharos.targets.cpu.contractions.kept import Kept, read_kept
from pharos.toolchain import Request, compile, load, mlir_payload

ROWS, COLUMNS, STEPS = 61, 75, 40
PARAMETERS = {"simd_bits": 512, "registers": 32, "threads": 2, "grain": 1000}


def program(mask: str, *, rows: int = ROWS, columns: int = COLUMNS, after: str = "") -> str:
    """o = ``mask`` ? a @ b : 7 in pieces of 13 steps, where %i is the row and %j the column."""
    c = f"memref<{rows}x{columns}xf32>"
    a, b = f"memref<{rows}x{STEPS}xf32>", f"memref<{STEPS}x{columns}xf32>"
    return f"""
#d = affine_map<(m, n) -> (m, n)>
func.func @f(%a: {a}, %b: {b}, %o: {c}) {{
  %zero = arith.constant 0.0 : f32
  %seven = arith.constant 7.0 : f32
  %shift = arith.constant 9 : i64
  %nought = arith.constant 0 : i64
  %t = memref.alloc() : {c}
  linalg.fill ins(%zero : f32) outs(%t : {c})
  linalg.generic {{indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
      affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%a, %b : {a}, {b}) outs(%t : {c}) attrs = {{pharos.params = {{mr = 8 : i64,
      nr = 16 : i64, kc = 13 : i64, mc = 16 : i64, nc = 32 : i64}}}} {{
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %x = arith.addf %s, %m : f32
    linalg.yield %x : f32
  }}
  linalg.generic {{indexing_maps = [#d, #d], iterator_types = ["parallel", "parallel"]}}
      ins(%t : {c}) outs(%o : {c}) {{
  ^bb0(%v: f32, %old: f32):
    %row = linalg.index 0 : index
    %column = linalg.index 1 : index
    %i = arith.index_cast %row : index to i64
    %j = arith.index_cast %column : index to i64
    {mask}
    {after or "%y = arith.select %c, %v, %seven : f32"}
    linalg.yield %y : f32
  }}
  memref.dealloc %t : {c}
  return
}}"""


LOWER = "%n = arith.subi %j, %i : i64\n%c = arith.cmpi sle, %n, %nought : i64"
MASKS = {
    LOWER: (Kept(-1, 1, 0, "sle"), lambda i, j: j <= i),
    LOWER.replace("sle", "sge"): (Kept(-1, 1, 0, "sge"), lambda i, j: j >= i),
    "%n = arith.addi %i, %shift : i64\n%c = arith.cmpi slt, %n, %j : i64": (
        Kept(1, -1, 9, "slt"),
        lambda i, j: i + 9 < j,
    ),
    "%n = arith.addi %i, %j : i64\n%c = arith.cmpi sgt, %n, %shift : i64": (
        Kept(1, 1, -9, "sgt"),
        lambda i, j: i + j > 9,
    ),
    "%c = arith.cmpi sle, %i, %shift : i64": (Kept(1, 0, -9, "sle"), lambda i, j: i <= 9 + 0 * j),
}


def kept_in(text: str) -> Kept | None:
    module = ir.parse(text)
    ir.run_passes(module, "func.func(linalg-generalize-named-ops),canonicalize,cse")
    with module.context:
        product = next(g for g in generics(module) if "reduction" in str(g))
        contraction = read_contraction(read_nest(product))
        return read_kept(contraction, find_finish(contraction, indices=True))


# The second shape is cut into blocks of rows, not columns.
@pytest.mark.parametrize(
    ("mask", "shape"), [*((mask, (ROWS, COLUMNS)) for mask in MASKS), (LOWER, (COLUMNS, 33))]
)
def test_what_is_kept_is_right_and_the_rest_does_not_depend_on_sums(mask, shape):
    rows, columns = shape
    kept, holds = MASKS[mask]
    text = program(mask, rows=rows, columns=columns)
    assert kept_in(text) == kept
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((rows, STEPS), (STEPS, columns)))
    a[20], b[:, 11] = np.nan, np.inf
    o = np.full((rows, columns), np.nan, np.float32)
    load(compile(mlir_payload(text), Request(parameters=PARAMETERS))).call("f", a, b, o)
    with np.errstate(invalid="ignore"):
        expected = np.where(holds(*np.indices((rows, columns))), a @ b, np.float32(7))
    np.testing.assert_allclose(o, expected, rtol=2e-4, atol=2e-4)


def test_the_other_side_of_a_select_is_the_opposite_mask():
    text = program(LOWER, after="%y = arith.select %c, %seven, %v : f32")
    assert kept_in(text) == Kept(-1, 1, 0, "sgt")


REFUSED = {
    "a product with zero is NaN where the sum is": (
        LOWER,
        "%w = arith.select %c, %seven, %zero : f32\n%y = arith.mulf %w, %v : f32",
    ),
    "the sum is read beside the mask": (
        LOWER,
        "%w = arith.select %c, %v, %seven : f32\n%y = arith.addf %w, %v : f32",
    ),
    "a diagonal is no half": (LOWER.replace("sle", "eq"), ""),
    "32 bits may overflow": (
        "%k = arith.trunci %i : i64 to i32\n%l = arith.trunci %j : i64 to i32\n"
        "%c = arith.cmpi sle, %k, %l : i32",
        "",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_everything_is_computed_where(why):
    mask, after = REFUSED[why]
    assert kept_in(program(mask, after=after)) is None
