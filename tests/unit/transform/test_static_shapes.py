"""Arguments get their sizes, which reach what is called and what is computed from them."""

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.transform.static_shapes import give_shapes

MODULE = """
func.func private @half(%m: memref<?x?xf32, strided<[?, 1], offset: ?>>) {
  %c1 = arith.constant 1 : index
  %n = memref.dim %m, %c1 : memref<?x?xf32, strided<[?, 1], offset: ?>>
  %i = arith.index_cast %n : index to i32
  %f = arith.uitofp %i : i32 to f32
  linalg.fill ins(%f : f32) outs(%m : memref<?x?xf32, strided<[?, 1], offset: ?>>)
  %s = memref.alloc(%n) : memref<?xf32>
  linalg.fill ins(%f : f32) outs(%s : memref<?xf32>)
  return
}
func.func @f(%x: memref<?x?xf32>, %k: memref<3x?xi32>) {
  %m = memref.cast %x : memref<?x?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
  call @half(%m) : (memref<?x?xf32, strided<[?, 1], offset: ?>>) -> ()
  return
}
func.func @unwanted(%x: memref<?xf32>) { return }
"""


def given(shapes) -> str:
    module = ir.parse(MODULE)
    give_shapes(module, shapes)
    ir.verify(module)
    return ir.to_text(module)


def test_every_size_is_known_and_every_call_is_gone():
    text = given({"f": {0: (4, 8), 1: (3, 5)}})
    assert "@f(%arg0: memref<4x8xf32>, %arg1: memref<3x5xi32>)" in text
    assert "arith.constant 8.000000e+00 : f32" in text
    assert "memref.alloc() : memref<8xf32>" in text
    assert "?" not in text
    assert "call" not in text
    assert "@half" not in text
    assert "@unwanted" not in text


def test_arguments_that_are_not_named_keep_their_types():
    assert "%arg1: memref<3x?xi32>" in given({"f": {0: (4, 8)}})


TENSORS = """
func.func @f(%x: memref<?x4xf32>, %y: memref<?x4xf32>) {
  %t = bufferization.to_tensor %x restrict : memref<?x4xf32> to tensor<?x4xf32>
  %c0 = arith.constant 0 : index
  %n = tensor.dim %t, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %r = linalg.exp ins(%t : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  bufferization.materialize_in_destination %r in restrict writable %y
    : (tensor<?x4xf32>, memref<?x4xf32>) -> ()
  return
}
"""


def test_sizes_reach_tensors_of_memory():
    module = ir.parse(TENSORS)
    give_shapes(module, {"f": {0: (3, 4), 1: (3, 4)}})
    ir.verify(module)
    text = ir.to_text(module)
    assert "bufferization.to_tensor %arg0 restrict : memref<3x4xf32> to tensor<3x4xf32>" in text
    assert "in restrict writable %arg1 : (tensor<3x4xf32>, memref<3x4xf32>)" in text
    assert "?" not in text


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"g": {}}, "expected a function 'g', found none"),
        ({"f": {1: (4, 8)}}, "argument 1 of 'f' is memref<3x?xi32>, which has no shape [4, 8]"),
        ({"f": {0: (4,)}}, "argument 0 of 'f' is memref<?x?xf32>, which has no shape [4]"),
    ],
)
def test_what_does_not_fit_is_refused(shapes, message):
    with pytest.raises(UserError) as error:
        given(shapes)
    assert message in error.value.message


def test_a_size_may_stay_open_and_a_number_be_known():
    text = """
func.func @f(%x: memref<?x?xf32>, %at: index) {
  %v = arith.constant 1.0 : f32
  memref.store %v, %x[%at, %at] : memref<?x?xf32>
  return
}"""
    module = ir.parse(text)
    give_shapes(module, {"f": {0: (-1, 8)}}, {"f": {1: 3}})
    ir.verify(module)
    found = ir.to_text(module)
    assert "@f(%arg0: memref<?x8xf32>, %arg1: index)" in found
    assert "%arg0[%c3, %c3]" in found


def test_a_number_for_what_is_no_index_is_refused():
    with pytest.raises(UserError) as error:
        give_shapes(ir.parse(MODULE), {"f": {}}, {"f": {0: 3}})
    assert "argument 0 of 'f' is memref<?x?xf32>, expected an index" in error.value.message
