"""Results of a function become parameters."""

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.transform.out_parameters import results_to_parameters

MODULE = """
func.func @f(%x: tensor<4x?xf32> {test.mark}, %n: index) -> (tensor<4x?xf32>, i64, tensor<2xi1>) {
  %c = arith.constant dense<true> : tensor<2xi1>
  %k = arith.constant 3 : i64
  return %x, %k, %c : tensor<4x?xf32>, i64, tensor<2xi1>
}
"""


def test_tensors_are_written_to_parameters_and_scalars_stay():
    module = ir.parse(MODULE)
    results_to_parameters(module, "f", ["first", "second"])
    ir.verify(module)
    text = ir.to_text(module)
    assert (
        "@f(%arg0: tensor<4x?xf32> {test.mark}, %arg1: index, %arg2: memref<4x?xf32>, "
        "%arg3: memref<2xi1>) -> i64" in text
    )
    assert "%0 = bufferization.to_tensor %arg2 restrict writable" in text
    assert "%2 = bufferization.materialize_in_destination %arg0 in %0" in text
    assert "bufferization.materialize_in_destination %2 in writable %arg2" in text
    assert "bufferization.materialize_in_destination %3 in writable %arg3" in text
    assert 'loc("first"' in ir.to_text(module, locations=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @g() { return }", "has no function 'f'"),
        ("func.func private @f() -> tensor<2xf32>", "found 0 blocks"),
        (
            "func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }\n"
            "func.func @g(%x: tensor<2xf32>) -> tensor<2xf32> {\n"
            "  %y = call @f(%x) : (tensor<2xf32>) -> tensor<2xf32>\n"
            "  return %y : tensor<2xf32> }",
            "is called inside the module",
        ),
    ],
)
def test_functions_that_cannot_be_rewritten_are_refused(text, message):
    with pytest.raises(UserError, match=message):
        results_to_parameters(ir.parse(text), "f")


SUMS = """
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (j)>
func.func @f(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<3xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<3xf32>) -> tensor<3xf32>
  %x = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["reduction", "parallel"]}
      ins(%a : tensor<2x3xf32>) outs(%start : tensor<3xf32>) {
  ^bb0(%in: f32, %out: f32):
    %sum = arith.addf %in, %out : f32
    linalg.yield %sum : f32
  } -> tensor<3xf32>
  %y = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["reduction", "parallel"]}
      ins(%b : tensor<2x3xf32>) outs(%start : tensor<3xf32>) {
  ^bb0(%in: f32, %out: f32):
    %sum = arith.addf %in, %out : f32
    linalg.yield %sum : f32
  } -> tensor<3xf32>
  return %x, %y : tensor<3xf32>, tensor<3xf32>
}
"""


@pytest.mark.parametrize("pipeline", ["default", "optimize"])
def test_results_that_start_from_one_tensor_do_not_meet(pipeline):
    import numpy as np

    from pharos.toolchain import Payload, Request, build, load

    def make():
        module = ir.parse(SUMS)
        results_to_parameters(module, "f")
        return module

    artifact = build(Payload("sums", SUMS, make), Request(pipeline=pipeline), fresh=True).artifact
    a, b = (np.random.default_rng(n).random((2, 3), np.float32) for n in range(2))
    x, y = (np.full(3, np.nan, np.float32) for _ in range(2))
    load(artifact).call("f", a, b, x, y)
    np.testing.assert_allclose(x, a.sum(0), rtol=1e-6)
    np.testing.assert_allclose(y, b.sum(0), rtol=1e-6)


def test_a_reshaped_result_is_computed_in_the_shape_that_it_had():
    module = ir.parse("""
func.func @f(%x: tensor<2x3x4xf32>) -> (tensor<6x4xf32>, tensor<1x2x3x4xf32>) {
  %y = math.exp %x : tensor<2x3x4xf32>
  %flat = tensor.collapse_shape %y [[0, 1], [2]] : tensor<2x3x4xf32> into tensor<6x4xf32>
  %z = math.log %x : tensor<2x3x4xf32>
  %more = tensor.expand_shape %z [[0, 1], [2], [3]] output_shape [1, 2, 3, 4]
    : tensor<2x3x4xf32> into tensor<1x2x3x4xf32>
  return %flat, %more : tensor<6x4xf32>, tensor<1x2x3x4xf32>
}""")
    results_to_parameters(module, "f")
    ir.verify(module)
    text = ir.to_text(module)
    assert (
        "@f(%arg0: tensor<2x3x4xf32>, %arg1: memref<6x4xf32>, %arg2: memref<1x2x3x4xf32>)" in text
    )
    assert "memref.expand_shape %arg1 [[0, 1], [2]]" in text
    assert "memref.collapse_shape %arg2 [[0, 1], [2], [3]]" in text
    assert text.count("materialize_in_destination") == 4
