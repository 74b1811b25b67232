"""Tensors of loop numbers go into their readers, in the shape in which each reads them."""

from __future__ import annotations

import pytest

from pharos import ir
from pharos.transform.counted_tensors import CountedTensors

ALL = "affine_map<(i, j) -> (i, j)>"


def program(number: str = "%i = linalg.index 0 : index", shape: str = "8x1", rest: str = "") -> str:
    """Adds the numbers of rows and columns to a matrix; ``rest`` may read them, too."""
    return f"""
func.func @f(%x: tensor<8x8xi64>) -> tensor<8x8xi64> {{
  %e = tensor.empty() : tensor<8xi64>
  %n = linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}}
      outs(%e : tensor<8xi64>) {{
  ^bb0(%o: i64):
    {number}
    %c = arith.index_cast %i : index to i64
    linalg.yield %c : i64
  }} -> tensor<8xi64>
  %rows = tensor.expand_shape %n [[0, 1]] output_shape [{shape.replace("x", ", ")}]
      : tensor<8xi64> into tensor<{shape}xi64>
  %columns = tensor.expand_shape %n [[0, 1]] output_shape [1, 8]
      : tensor<8xi64> into tensor<1x8xi64>
  {rest}
  %r = tensor.empty() : tensor<8x8xi64>
  %y = linalg.generic {{indexing_maps = [{ALL}, affine_map<(i, j) -> (i, 0)>,
      affine_map<(i, j) -> (0, j)>, {ALL}], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %rows, %columns : tensor<8x8xi64>, tensor<{shape}xi64>, tensor<1x8xi64>)
      outs(%r : tensor<8x8xi64>) {{
  ^bb0(%p: i64, %a: i64, %b: i64, %o: i64):
    %s = arith.subi %a, %b : i64
    %t = arith.muli %p, %s : i64
    linalg.yield %t : i64
  }} -> tensor<8x8xi64>
  return %y : tensor<8x8xi64>
}}"""


def rewritten(text: str) -> str:
    module = ir.parse(text)
    CountedTensors().run(module)
    ir.verify(module)
    ir.run_passes(module, "func.func(linalg-fuse-elementwise-ops),canonicalize,cse")
    return ir.to_text(module)


def test_rows_and_columns_are_counted_where_they_are_read():
    text = rewritten(program())
    assert text.count("linalg.generic") == 1
    assert "tensor.expand_shape" not in text
    line = next(line for line in text.splitlines() if "arith.subi" in line)
    left, right = line.split("arith.subi ")[1].split(" :")[0].split(", ")
    made = {line.split(" =")[0].strip(): line for line in text.splitlines() if " = " in line}
    numbers = [made[made[v].split("index_cast ")[1].split(" ")[0]] for v in (left, right)]
    assert "linalg.index 0" in numbers[0]
    assert "linalg.index 1" in numbers[1]


REFUSED = {
    "numbers that are the same everywhere": {"number": "%i = arith.constant 3 : index"},
    "a dimension that becomes two": {"shape": "2x4"},
}


@pytest.mark.parametrize("why", REFUSED)
def test_others_are_kept(why):
    text = program(**REFUSED[why])
    text = text.replace("(i, 0)", "(0, 0)") if "shape" in REFUSED[why] else text
    module = ir.parse(text)
    CountedTensors().run(module)
    assert ir.to_text(module).count("tensor.expand_shape") == (1 if "shape" in REFUSED[why] else 2)
