"""What the stage split-products writes: parts, their products as a batch, the join."""

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.targets.common.contractions.splits import SplitProducts

PRODUCT = """
func.func @main(%a: memref<8x64xf16>, %b: memref<16x64xf16>, %c: memref<8x16xf16>) {{
  linalg.generic {{indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
      affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%a, %b : memref<8x64xf16>, memref<16x64xf16>) outs(%c : memref<8x16xf16>)
      attrs = {{pharos.params = {{splits = {splits} : i64, block_m = 16 : i64}}}} {{
  ^bb0(%x: f16, %y: f16, %o: f16):
    %p = arith.mulf %x, %y : f16
    %s = arith.addf %o, %p : f16
    linalg.yield %s : f16
  }}
  return
}}
"""


def split(splits):
    module = ir.parse(PRODUCT.format(splits=splits))
    SplitProducts().run(module)
    ir.verify(module)
    return ir.to_text(module)


def test_parts_are_a_batch_of_sums_in_f32_that_are_joined():
    text = split(4)
    assert "memref.alloc() {alignment = 64 : i64} : memref<4x8x16xf32>" in text
    assert "expand_shape" in text
    assert "memref<8x64xf16> into memref<8x4x16xf16>" in text
    assert "memref<16x64xf16> into memref<16x4x16xf16>" in text
    assert 'iterator_types = ["parallel", "parallel", "reduction", "parallel"]' in text
    assert 'iterator_types = ["parallel", "parallel", "reduction"]}' in text  # the join
    assert "pharos.params = {block_m = 16 : i64}" in text
    # Zero, products, what was there as f32, the join, and what becomes f16 of it.
    assert text.count("linalg.generic") == 5
    assert "arith.mulf" in text and text.count("arith.truncf") == 1


def test_one_part_changes_nothing_but_the_parameters():
    text = split(1)
    assert text.count("linalg.generic") == 1 and "splits" not in text


def test_parts_must_be_alike():
    with pytest.raises(UserError, match="splits = 3 does not divide the 64 inner steps"):
        split(3)
