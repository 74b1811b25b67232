"""What a reduction fetches by computed places is fetched once, before it."""

import re

import numpy as np
import pytest

from pharos import ir
from pharos.toolchain import compile, load, mlir_payload
from pharos.transform.gathers_apart import GathersApart

MAPS = """
#w = affine_map<(i, n, k) -> (n, k)>
#token = affine_map<(i, n, k) -> (i)>
#out = affine_map<(i, n, k) -> (i, n)>
"""
KINDS = 'iterator_types = ["parallel", "parallel", "reduction"]'
FLIPPED_PRODUCT = f"""{MAPS}
func.func @main(%t: tensor<5x7xf32>, %w: tensor<3x7xf32>, %start: tensor<5x3xf32>)
    -> tensor<5x3xf32> {{
  %last = arith.constant 4 : index
  %0 = linalg.generic {{indexing_maps = [#w, #out], {KINDS}, pharos.params = {{mr = 4 : i64}}}}
      ins(%w : tensor<3x7xf32>) outs(%start : tensor<5x3xf32>) {{
  ^bb0(%b: f32, %sum: f32):
    %i = linalg.index 0 : index
    %k = linalg.index 2 : index
    %j = arith.subi %last, %i : index
    %a = tensor.extract %t[%j, %k] : tensor<5x7xf32>
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  }} -> tensor<5x3xf32>
  return %0 : tensor<5x3xf32>
}}"""
# A row of a table for each token; the token is an input of the reduction itself.
EMBEDDED_PRODUCT = f"""{MAPS}
func.func @main(%ids: tensor<5xi64>, %w: tensor<3x7xf32>, %t: tensor<9x7xf32>,
                %start: tensor<5x3xf32>) -> tensor<5x3xf32> {{
  %0 = linalg.generic {{indexing_maps = [#token, #w, #out], {KINDS}}}
      ins(%ids, %w : tensor<5xi64>, tensor<3x7xf32>) outs(%start : tensor<5x3xf32>) {{
  ^bb0(%id: i64, %b: f32, %sum: f32):
    %k = linalg.index 2 : index
    %j = arith.index_cast %id : i64 to index
    %a = tensor.extract %t[%j, %k] : tensor<9x7xf32>
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  }} -> tensor<5x3xf32>
  return %0 : tensor<5x3xf32>
}}"""
ROWS_TIMES_FLIPPED_ROWS = """
#all = affine_map<(i, k) -> (i, k)>
#row = affine_map<(i, k) -> (i)>
func.func @main(%t: tensor<5x7xf32>, %x: tensor<5x7xf32>, %start: tensor<5xf32>) -> tensor<5xf32> {
  %last = arith.constant 6 : index
  %0 = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<5x7xf32>) outs(%start : tensor<5xf32>) {
  ^bb0(%b: f32, %sum: f32):
    %i = linalg.index 0 : index
    %k = linalg.index 1 : index
    %j = arith.subi %last, %k : index
    %a = tensor.extract %t[%i, %j] : tensor<5x7xf32>
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<5xf32>
  return %0 : tensor<5xf32>
}"""


def rewritten(text):
    module = ir.parse(text)
    GathersApart().run(module)
    ir.verify(module)
    return ir.to_text(module)


def test_a_flip_leaves_its_product():
    gather, product = rewritten(FLIPPED_PRODUCT).split("linalg.generic")[1:]
    assert 'iterator_types = ["parallel", "parallel"]} outs(' in gather
    assert re.search(
        r"%(\w+) = arith.subi %c4, %\w+ .*\n.*tensor.extract %arg0\[%\1, %\w+\]", gather
    )
    assert 'iterator_types = ["parallel", "parallel", "reduction"]} ins(%arg1, %1 :' in product
    assert "pharos.params = {mr = 4 : i64}" in product
    assert "extract" not in product


def test_a_gather_along_all_loops_stays():
    assert rewritten(ROWS_TIMES_FLIPPED_ROWS).count("linalg.generic") == 1


def test_what_an_assertion_guards_stays_behind_it():
    guarded = EMBEDDED_PRODUCT.replace(
        "    %a = tensor.extract",
        """    %size = arith.constant 9 : index
    %inside = arith.cmpi ult, %j, %size : index
    cf.assert %inside, "out of the table"
    %a = tensor.extract""",
    )
    assert rewritten(guarded).count("linalg.generic") == 1


def test_an_empty_reduction_fetches_nothing():
    empty = EMBEDDED_PRODUCT.replace("<3x7xf32>", "<0x7xf32>").replace("<5x3xf32>", "<5x0xf32>")
    assert rewritten(empty).count("linalg.generic") == 1


def run(text, *arguments):
    return load(compile(mlir_payload(text))).call("main", *arguments)


@pytest.mark.parametrize("change", [lambda text: text, rewritten], ids=["before", "after"])
def test_the_numbers_stay(change):
    rng = np.random.default_rng(3)
    t, x = rng.random((2, 5, 7), np.float32)
    w, table, start = (rng.random(shape, np.float32) for shape in ((3, 7), (9, 7), (5, 3)))
    ids = rng.integers(0, 9, 5)
    found = [
        run(change(FLIPPED_PRODUCT), t, w, start),
        run(change(EMBEDDED_PRODUCT), ids, w, table, start),
        run(change(ROWS_TIMES_FLIPPED_ROWS), t, x, start[:, 0].copy()),
    ]
    expected = [
        t[::-1] @ w.T + start,
        table[ids] @ w.T + start,
        (x * t[:, ::-1]).sum(1) + start[:, 0],
    ]
    for one, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, right, rtol=1e-5)
