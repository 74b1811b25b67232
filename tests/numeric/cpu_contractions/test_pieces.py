"""Small results of many steps: the factor that threads share is packed piece by piece."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.targets.cpu.contractions.parameters import Unit, default_tiles, piece_of
from pharos.toolchain import Request, compile, load, mlir_payload

UNIT = Unit(512, 32, 2)
FORMS = {"mk": "(m, k)", "km": "(k, m)", "kn": "(k, n)", "nk": "(n, k)"}


def piece(rows: int | None, columns: int | None, inner: int | None, split: str) -> int | None:
    extents = (rows, columns, inner)
    return piece_of(default_tiles(32, *extents, UNIT), 32, extents, split)


def test_pieces_are_whole_blocks_of_steps_that_caches_hold():
    found = piece(128, 128, 32768, "columns")
    assert found == 2048
    assert found % default_tiles(32, 128, 128, 32768, UNIT).kc == 0


@pytest.mark.parametrize(
    "extents", [(128, 128, 4096), (1024, 1024, 32768), (128, 128, None), (None, 128, 32768)]
)
def test_all_is_packed_where_it_is_small_the_result_large_or_sizes_unknown(extents):
    assert piece(*extents, "columns") is None


def program(left: str, right: str, rows: int, columns: int, inner: int) -> str:
    """o = relu(a b + r)."""
    shape = {"m": rows, "n": columns, "k": inner}
    a, b = (f"memref<{shape[form[0]]}x{shape[form[1]]}xf32>" for form in (left, right))
    c = f"memref<{rows}x{columns}xf32>"
    return f"""
#d = affine_map<(m, n) -> (m, n)>
func.func @f(%a: {a}, %b: {b}, %r: memref<{columns}xf32>, %o: {c}) {{
  %zero = arith.constant 0.0 : f32
  %t = memref.alloc() : {c}
  linalg.fill ins(%zero : f32) outs(%t : {c})
  linalg.generic {{indexing_maps = [affine_map<(m, n, k) -> {FORMS[left]}>,
      affine_map<(m, n, k) -> {FORMS[right]}>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%a, %b : {a}, {b}) outs(%t : {c}) {{
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %x = arith.addf %s, %m : f32
    linalg.yield %x : f32
  }}
  linalg.generic {{indexing_maps = [#d, affine_map<(m, n) -> (n)>, #d],
      iterator_types = ["parallel", "parallel"]}}
      ins(%t, %r : {c}, memref<{columns}xf32>) outs(%o : {c}) {{
  ^bb0(%u: f32, %e: f32, %old: f32):
    %v = arith.addf %u, %e : f32
    %w = arith.maximumf %v, %zero : f32
    linalg.yield %w : f32
  }}
  memref.dealloc %t : {c}
  return
}}"""


@pytest.mark.parametrize(
    ("left", "right", "rows", "columns", "threads"),
    [("mk", "kn", 37, 35, 2), ("km", "nk", 35, 50, 2), ("mk", "nk", 40, 33, 1)],
)
def test_sums_of_pieces_are_the_product(left, right, rows, columns, threads):
    inner = 20011
    assert piece(rows, columns, inner, "rows" if rows > columns else "columns")
    parameters = {"simd_bits": 512, "registers": 32, "threads": threads, "grain": 1000}
    text = program(left, right, rows, columns, inner)
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((n, inner)).astype(np.float32) for n in (rows, columns))
    r = rng.standard_normal(columns).astype(np.float32)
    o = np.full((rows, columns), np.nan, np.float32)
    given = [a if left == "mk" else a.T.copy(), b if right == "nk" else b.T.copy()]
    load(compile(mlir_payload(text), Request(parameters=parameters))).call("f", *given, r, o)
    expected = np.maximum(a.astype(float) @ b.T.astype(float) + r, 0)
    np.testing.assert_allclose(o, expected, rtol=1e-4, atol=2e-3)
