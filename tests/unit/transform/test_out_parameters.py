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
    assert "materialize_in_destination %arg0 in restrict writable %arg2" in text
    assert "materialize_in_destination %cst in restrict writable %arg3" in text
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
