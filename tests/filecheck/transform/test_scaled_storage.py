"""Weights stored as 8-bit integers: scales of their rows follow them, and multiply elements."""

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.transform.scaled_storage import store_scaled

PRODUCT = """
func.func @f(%w: memref<3x?x8xf32>, %x: memref<8xf32>, %y: memref<?xf32>, %l: index) {
  %c1 = arith.constant 1 : index
  %n = memref.dim %w, %c1 : memref<3x?x8xf32>
  %v = memref.subview %w[%l, 0, 0] [1, %n, 8] [1, 1, 1]
    : memref<3x?x8xf32> to memref<?x8xf32, strided<[8, 1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(o, c) -> (o, c)>, affine_map<(o, c) -> (c)>,
                                   affine_map<(o, c) -> (o)>],
                  iterator_types = ["parallel", "reduction"]}
    ins(%v, %x : memref<?x8xf32, strided<[8, 1], offset: ?>>, memref<8xf32>)
    outs(%y : memref<?xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  }
  return
}"""


def scaled(text: str, *numbers: int) -> str:
    module = ir.parse(text, file="weights.mlir")
    store_scaled(module, "f", numbers)
    ir.verify(module)
    return ir.to_text(module)


def test_scales_follow_views_and_multiply_inside_the_body():
    text = scaled(PRODUCT, 0)
    assert "@f(%arg0: memref<3x?x8xi8>, %arg1" in text
    assert "%arg4: memref<3x?xf32>)" in text
    assert "memref.subview %arg4[%arg3, 0] [1, %dim] [1, 1]" in text
    assert "to memref<?xf32, strided<[1], offset: ?>>" in text
    assert "ins(%subview_0, %arg1, %subview : memref<?x8xi8" in text
    assert "^bb0(%in: i8, %in_1: f32, %in_2: f32, %out: f32):" in text
    assert "%0 = arith.sitofp %in : i8 to f32" in text
    assert "%1 = arith.mulf %0, %in_2 : f32" in text
    assert "arith.mulf %1, %in_1 : f32" in text
    assert "arith.addf %out" in text


def test_loads_are_multiplied_with_the_scale_of_their_row():
    text = scaled(
        """
func.func @f(%x: f32, %w: memref<?x?xf32>, %i: index, %j: index) -> f32 {
  %m = memref.cast %w : memref<?x?xf32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
  %v = memref.load %m[%i, %j] : memref<?x?xf32, strided<[?, 1], offset: ?>>
  return %v : f32
}""",
        1,
    )
    assert "memref.cast %arg4 : memref<?xf32> to memref<?xf32, strided<[?], offset: ?>>" in text
    assert "[%arg2] : memref<?xf32, strided<[?], offset: ?>>" in text
    assert "[%arg2, %arg3] : memref<?x?xi8, strided<[?, 1], offset: ?>>" in text
    assert "return %3 : f32" in text


@pytest.mark.parametrize(
    ("body", "number", "message"),
    [
        ("", 0, "two dimensions or more to store as i8, found f32"),
        ("", 1, "found memref<4xf32>"),
        ("memref.copy %w, %w : memref<4x4xf32> to memref<4x4xf32>", 2, "found 'memref.copy'"),
    ],
)
def test_what_has_no_such_form_is_refused(body, number, message):
    text = f"func.func @f(%x: f32, %v: memref<4xf32>, %w: memref<4x4xf32>) {{ {body}\n return }}"
    with pytest.raises(UserError) as error:
        scaled(text, number)
    assert message in error.value.message
