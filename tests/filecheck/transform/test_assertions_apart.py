"""What a body asserts becomes a reduction over the loops that the condition depends on."""

import numpy as np
import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.toolchain import Request, compile, load, mlir_payload
from pharos.transform.assertions_apart import AssertionsApart

EMBEDDING = """
#token = affine_map<(i, k) -> (i)>
#all = affine_map<(i, k) -> (i, k)>
func.func @main(%ids: tensor<5xi64>, %t: tensor<9x7xf32>, %start: tensor<5x7xf32>)
    -> tensor<5x7xf32> {
  %0 = linalg.generic {indexing_maps = [#token, #all], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<5xi64>) outs(%start : tensor<5x7xf32>) {
  ^bb0(%id: i64, %old: f32):
    %size = arith.constant 9 : index
    %zero = arith.constant 0 : i64
    %j = arith.index_cast %id : i64 to index
    %k = linalg.index 1 : index
    %below = arith.cmpi slt, %j, %size : index
    cf.assert %below, "too large"
    %above = arith.cmpi sge, %id, %zero : i64
    cf.assert %above, "too small"
    %a = tensor.extract %t[%j, %k] : tensor<9x7xf32>
    linalg.yield %a : f32
  } -> tensor<5x7xf32>
  return %0 : tensor<5x7xf32>
}"""
LIMITED_BY_A_LOOP = EMBEDDING.replace(
    "%below = arith.cmpi slt, %j, %size", "%below = arith.cmpi sle, %j, %k"
)
OF_WHAT_IT_FETCHES = EMBEDDING.replace(
    "linalg.yield",
    '%number = arith.cmpf oge, %a, %a : f32\n    cf.assert %number, "NaN"\n    linalg.yield',
)


def rewritten(text):
    module = ir.parse(text)
    AssertionsApart().run(module)
    assert module.operation.verify()
    return str(module)


def test_one_check_for_all_conditions_on_the_same_inputs():
    text = rewritten(EMBEDDING)
    check, _, rest = text.partition('cf.assert %extracted, "too large"')
    assert 'iterator_types = ["reduction"]} ins(%arg0 : tensor<5xi64>)' in check
    assert "outs(%1, %3 : tensor<i1>, tensor<i1>)" in check
    assert "arith.cmpi slt" in check and "arith.cmpi sge" in check
    assert 'cf.assert %extracted_1, "too small"' in rest
    assert "linalg.generic" in rest and "cf.assert" not in rest.partition("linalg.generic")[2]


def test_a_condition_on_loops_that_no_input_runs_along_stays():
    text = rewritten(LIMITED_BY_A_LOOP)
    _, _, body = text.rpartition("linalg.generic")
    assert '"too large"' in body and '"too small"' not in body


def test_a_condition_on_what_was_fetched_stays():
    _, _, body = rewritten(OF_WHAT_IT_FETCHES).rpartition("linalg.generic")
    assert body.count("cf.assert") == 1


def test_a_loop_that_never_runs_asserts_nothing():
    empty = EMBEDDING.replace("5x7", "5x0").replace("9x7", "9x0")
    assert rewritten(empty) == str(ir.parse(empty))


@pytest.mark.parametrize("pipeline", ["optimize", "default"])
def test_a_failure_is_an_error_with_its_place(pipeline):
    run = load(compile(mlir_payload(EMBEDDING), Request(pipeline=pipeline)))
    table = np.random.default_rng(0).normal(size=(9, 7)).astype(np.float32)
    ids, start = np.array([3, 0, 8, 8, 1]), np.full((5, 7), np.nan, np.float32)
    found = run.call("main", ids, table, start)
    np.testing.assert_array_equal(found, table[ids])
    ids[3] = 9
    with pytest.raises(UserError, match="assertion failed: too large") as caught:
        run.call("main", ids, table, start)
    assert caught.value.span.line == 14
    ids[3] = -1
    with pytest.raises(UserError, match="too small"):
        run.call("main", ids, table, start)
