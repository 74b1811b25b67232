"""Weights stored as bf16: followed through views and calls, widened where they are loaded."""

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.transform.narrow_storage import NarrowStorage

ROW = """
func.func private @row(%m: memref<?x?xf32>, %l: index) -> memref<?xf32, strided<[1], offset: ?>> {
  %c1 = arith.constant 1 : index
  %n = memref.dim %m, %c1 : memref<?x?xf32>
  %v = memref.subview %m[%l, 0] [1, %n] [1, 1]
    : memref<?x?xf32> to memref<?xf32, strided<[1], offset: ?>>
  return %v : memref<?xf32, strided<[1], offset: ?>>
}
"""


def narrowed(text: str, type_: str = "bf16") -> str:
    module = ir.parse(text, file="weights.mlir")
    NarrowStorage(type_).run(module)
    ir.verify(module)
    return ir.to_text(module)


def test_views_calls_and_returns_carry_the_type():
    text = narrowed(
        ROW
        + """
func.func @f(%w: memref<?x?xf32>, %i: index) -> f32 attributes {pharos.weights = [0]} {
  %v = call @row(%w, %i) : (memref<?x?xf32>, index) -> memref<?xf32, strided<[1], offset: ?>>
  %x = memref.load %v[%i] : memref<?xf32, strided<[1], offset: ?>>
  return %x : f32
}"""
    )
    assert "@row(%arg0: memref<?x?xbf16>, %arg1: index) -> memref<?xbf16, strided<[1]" in text
    assert "memref<?x?xf32>" not in text
    assert "arith.extf %1 : bf16 to f32" in text


def test_inputs_of_generic_are_widened_inside_the_body():
    text = narrowed(
        """
func.func @f(%w: memref<4xf32>, %y: memref<4xf32>) attributes {pharos.weights = [0]} {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                  iterator_types = ["parallel"]}
    ins(%w : memref<4xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  }
  return
}"""
    )
    assert "^bb0(%in: bf16, %out: f32):" in text
    assert "linalg.yield %0 : f32" in text


def test_f32_leaves_the_module_alone():
    text = "func.func @f(%w: memref<4xf32>) attributes {pharos.weights = [0]} {\n  return\n}"
    assert "memref<4xf32>" in narrowed(text, "f32")


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        (
            "func.func @f(%w: memref<4xf32>, %i: index) attributes {pharos.weights = [0]} {\n"
            "  %c = arith.constant 1.0 : f32\n"
            "  memref.store %c, %w[%i] : memref<4xf32>\n  return\n}",
            "found 'memref.store' on a weight",
            3,
        ),
        (
            "func.func @f(%w: memref<4xf64>) attributes {pharos.weights = [0]} {\n  return\n}",
            "expected a memref of f32, found memref<4xf64>",
            1,
        ),
        (
            "func.func private @g(%w: memref<4xf32>) {\n  return\n}\n"
            "func.func @f(%w: memref<4xf32>, %x: memref<4xf32>)"
            " attributes {pharos.weights = [0]} {\n"
            "  call @g(%w) : (memref<4xf32>) -> ()\n"
            "  call @g(%x) : (memref<4xf32>) -> ()\n  return\n}",
            "'g' gets a weight as argument 0 at one call",
            6,
        ),
    ],
)
def test_other_uses_are_refused_with_their_place(text, message, place):
    with pytest.raises(UserError) as error:
        narrowed(text)
    assert message in error.value.message
    assert error.value.span is not None
    assert error.value.span.line == place


def test_an_unknown_type_is_refused():
    with pytest.raises(UserError, match="expected type f32, bf16 or f16, found 'i8'"):
        narrowed("func.func @f() {\n  return\n}", "i8")
