"""Products of few rows with both factors contiguous along the inner loop are not packed."""

from __future__ import annotations

import numpy as np
import pytest

from pharos import ir
from pharos.targets.common.contractions.contraction import read_contraction
from pharos.targets.common.nests.nest import generics, read_nest
from pharos.targets.cpu.contractions.direct import choose, read_direct
from pharos.targets.cpu.contractions.parameters import Unit
from pharos.toolchain import Request, compile, load, lower, mlir_payload

PARAMETERS = {"simd_bits": 512, "registers": 32, "threads": 2, "grain": 1000}


def product(rows: int, columns: int, inner: int, right: str = "n, k") -> str:
    shape = f"{columns}x{inner}" if right == "n, k" else f"{inner}x{columns}"
    return f"""
func.func @f(%a: memref<{rows}x{inner}xf32>, %b: memref<{shape}xf32>,
             %c: memref<{rows}x{columns}xf32>) {{
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<{rows}x{columns}xf32>)
  linalg.generic {{indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
      affine_map<(m, n, k) -> ({right})>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
    ins(%a, %b : memref<{rows}x{inner}xf32>, memref<{shape}xf32>)
    outs(%c : memref<{rows}x{columns}xf32>) {{
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  }}
  return
}}"""


def packed(text: str) -> bool:
    request = Request(parameters=PARAMETERS, driving={"stop_after": "packed-contractions"})
    return "_tiles" in str(lower(mlir_payload(text), request).module)


@pytest.mark.parametrize(("rows", "columns", "inner"), [(5, 131, 77), (130, 7, 64), (16, 64, 200)])
def test_few_rows_are_multiplied_where_they_lie(rows, columns, inner):
    text = product(rows, columns, inner)
    assert not packed(text)
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s, np.float32) for s in ((rows, inner), (columns, inner)))
    c = np.full((rows, columns), np.nan, np.float32)
    load(compile(mlir_payload(text), Request(parameters=PARAMETERS))).call("f", a, b, c)
    np.testing.assert_allclose(c, a @ b.T, rtol=1e-4, atol=1e-4)


def test_more_rows_and_factors_in_the_other_order_are_packed():
    assert packed(product(17, 128, 128))
    assert packed(product(8, 128, 128, "k, n"))
    assert packed(product(8, 128, 48))


def test_rows_of_a_matrix_are_not_taken_for_the_pixels_of_an_image():
    module = ir.parse(product(128, 1024, 512))
    (contraction,) = filter(None, map(read_contraction, map(read_nest, generics(module))))
    direct = read_direct(contraction)
    assert direct is None or choose(direct, Unit(512, 32, 2)) is None
