"""Cheap elementwise results are computed again by each reader; others are kept."""

from __future__ import annotations

import pytest

from pharos import ir
from pharos.transform.recompute import Recompute

ALL, ROW = "affine_map<(i, j) -> (i, j)>", "affine_map<(i, j) -> (i)>"


def program(body: str = "%r = arith.subf %p, %q : f32", mean: str = ROW, shape: str = "8") -> str:
    """d = f(x, m); returns the sums of d along rows, d * d and exp(d)."""
    return f"""
func.func @f(%x: tensor<8x16xf32>, %m: tensor<{shape}xf32>, %zeros: tensor<8xf32>)
    -> (tensor<8xf32>, tensor<8x16xf32>, tensor<8x16xf32>) {{
  %e = tensor.empty() : tensor<8x16xf32>
  %d = linalg.generic {{indexing_maps = [{ALL}, {mean}, {ALL}],
      iterator_types = ["parallel", "parallel"]}}
      ins(%x, %m : tensor<8x16xf32>, tensor<{shape}xf32>) outs(%e : tensor<8x16xf32>) {{
  ^bb0(%p: f32, %q: f32, %o: f32):
    {body}
    linalg.yield %r : f32
  }} -> tensor<8x16xf32>
  %s = linalg.generic {{indexing_maps = [{ALL}, {ROW}], iterator_types = ["parallel", "reduction"]}}
      ins(%d : tensor<8x16xf32>) outs(%zeros : tensor<8xf32>) {{
  ^bb0(%p: f32, %o: f32):
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  }} -> tensor<8xf32>
  %u = linalg.generic {{indexing_maps = [{ALL}, {ALL}, {ALL}],
      iterator_types = ["parallel", "parallel"]}}
      ins(%d, %d : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {{
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    linalg.yield %t : f32
  }} -> tensor<8x16xf32>
  %v = linalg.generic {{indexing_maps = [{ALL}, {ALL}], iterator_types = ["parallel", "parallel"]}}
      ins(%d : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {{
  ^bb0(%p: f32, %o: f32):
    %t = math.exp %p : f32
    linalg.yield %t : f32
  }} -> tensor<8x16xf32>
  return %s, %u, %v : tensor<8xf32>, tensor<8x16xf32>, tensor<8x16xf32>
}}"""


def rewritten(text: str) -> str:
    module = ir.parse(text)
    Recompute().run(module)
    ir.verify(module)
    ir.run_passes(module, "func.func(linalg-fuse-elementwise-ops)")
    return ir.to_text(module)


def test_every_reader_computes_it_and_nothing_is_written_between():
    text = rewritten(program())
    assert text.count("arith.subf") == 3
    assert text.count("= linalg.generic") == 3


REFUSED = {
    "an exponential takes longer than memory": {"body": "%r = math.exp %p : f32"},
    "a division, too": {"body": "%r = arith.divf %p, %q : f32"},
    "two arrays are read for one": {"mean": ALL, "shape": "8x16"},
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_does_not_pay_is_kept(why):
    text = program(**REFUSED[why])
    module = ir.parse(text)
    before = ir.to_text(module)
    Recompute().run(module)
    assert ir.to_text(module) == before


def test_factors_of_a_product_are_kept():
    text = program().replace(
        "ins(%d : tensor<8x16xf32>) outs(%zeros",
        "ins(%d, %x : tensor<8x16xf32>, tensor<8x16xf32>) outs(%zeros",
    )
    text = text.replace(
        f'[{ALL}, {ROW}], iterator_types = ["parallel", "reduction"]',
        f'[{ALL}, {ALL}, {ROW}], iterator_types = ["parallel", "reduction"]',
    )
    text = text.replace(
        """  ^bb0(%p: f32, %o: f32):
    %t = arith.addf %o, %p : f32""",
        """  ^bb0(%p: f32, %q: f32, %o: f32):
    %n = arith.mulf %p, %q : f32
    %t = arith.addf %o, %n : f32""",
    )
    assert rewritten(text).count("arith.subf") == 1
