"""Reshapes of results, and transpositions that move no element, cost no copy."""

from __future__ import annotations

import numpy as np
import pytest

from pharos import ir
from pharos.toolchain import Request, compile, load, lower, mlir_payload
from pharos.transform.moved_units import MovedUnits
from pharos.transform.reshaped_results import ReshapedResults

UNITS = """
func.func @f(%x: tensor<{source}xf32>) -> tensor<{result}xf32> {{
  %e = tensor.empty() : tensor<{result}xf32>
  %y = linalg.generic {{indexing_maps = [affine_map<(i, j, k, l) -> {map}>,
      affine_map<(i, j, k, l) -> (i, j, k, l)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}}
      ins(%x : tensor<{source}xf32>) outs(%e : tensor<{result}xf32>) {{
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  }} -> tensor<{result}xf32>
  return %y : tensor<{result}xf32>
}}"""


def moved(source: str, result: str, map_: str) -> str:
    module = ir.parse(UNITS.format(source=source, result=result, map=map_))
    MovedUnits().run(module)
    ir.verify(module)
    return ir.to_text(module)


@pytest.mark.parametrize(
    ("source", "result", "map_"),
    [
        ("2x1x3x5", "2x3x5x1", "(i, l, j, k)"),
        ("1x2x3x5", "2x3x1x5", "(k, i, j, l)"),
        ("2x3x5", "2x1x3x5", "(i, k, l)"),
    ],
)
def test_moved_units_are_a_reshape(source, result, map_):
    text = moved(source, result, map_)
    assert "linalg.generic" not in text
    assert "tensor.expand_shape" in text


@pytest.mark.parametrize(
    ("source", "result", "map_"),
    [
        ("2x3x1x5", "3x2x1x5", "(j, i, k, l)"),
        ("2x1x1x5", "2x3x1x5", "(i, 0, k, l)"),
        ("2x1x5", "2x3x1x5", "(i, k, l)"),
        ("?x3x1x5", "?x1x3x5", "(i, k, j, l)"),
    ],
)
def test_what_moves_elements_repeats_them_or_is_not_known_stays(source, result, map_):
    text = UNITS.format(source=source, result=result, map=map_)
    if "?" in text:
        text = text.replace("%x: tensor<?x3x1x5xf32>", "%n: index, %x: tensor<?x3x1x5xf32>")
        text = text.replace("tensor.empty()", "tensor.empty(%n)")
    module = ir.parse(text)
    MovedUnits().run(module)
    assert "linalg.generic" in ir.to_text(module)


PRODUCT = """
func.func @f(%x: tensor<4x6x8xf32>, %w: tensor<8x5xf32>, %m: memref<4x6x5x1xf32>) {
  %zero = arith.constant 0.0 : f32
  %v = memref.collapse_shape %m [[0, 1], [2, 3]] : memref<4x6x5x1xf32> into memref<24x5xf32>
  %d = bufferization.to_tensor %v restrict writable : memref<24x5xf32> to tensor<24x5xf32>
  %e = tensor.empty() : tensor<4x6x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6x5xf32>) -> tensor<4x6x5xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>,
      affine_map<(b, m, n, k) -> (k, n)>, affine_map<(b, m, n, k) -> (b, m, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<4x6x8xf32>, tensor<8x5xf32>) outs(%f : tensor<4x6x5xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %t = arith.mulf %p, %q : f32
    %u = arith.addf %s, %t : f32
    linalg.yield %u : f32
  } -> tensor<4x6x5xf32>
  %c = tensor.collapse_shape %y [[0, 1], [2]] : tensor<4x6x5xf32> into tensor<24x5xf32>
  %r = bufferization.materialize_in_destination %c in %d
      : (tensor<24x5xf32>, tensor<24x5xf32>) -> tensor<24x5xf32>
  bufferization.materialize_in_destination %r in writable %v
      : (tensor<24x5xf32>, memref<24x5xf32>) -> ()
  return
}"""


def test_a_reshaped_result_is_computed_where_it_goes():
    driving = {"stop_after": "cpu-attention"}
    text = str(lower(mlir_payload(PRODUCT), Request(driving=driving)).module)
    assert "memref.alloc" not in text
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(np.float32) for s in ((4, 6, 8), (8, 5)))
    m = np.full((4, 6, 5, 1), np.nan, np.float32)
    load(compile(mlir_payload(PRODUCT), Request())).call("f", x, w, m)
    np.testing.assert_allclose(m[..., 0], x @ w, rtol=1e-5, atol=1e-5)


def test_a_destination_that_others_read_keeps_its_shape():
    text = PRODUCT.replace(
        "  %c = ",
        "  %two = linalg.add ins(%d, %d : tensor<24x5xf32>, tensor<24x5xf32>)\n"
        "      outs(%d : tensor<24x5xf32>) -> tensor<24x5xf32>\n  %c = ",
    )
    module = ir.parse(text)
    before = ir.to_text(module)
    ReshapedResults().run(module)
    assert ir.to_text(module) == before
