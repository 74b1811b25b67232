"""Products of arguments of which two may be one array: what follows is done on the tiles only where
no factor can change under them."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.core.errors import UserError
from pharos.toolchain import Request, compile, load, lower, mlir_payload

PARAMETERS = {"simd_bits": 256, "registers": 16, "threads": 2, "grain": 1000}
SIZE = 80
KIND = f"memref<{SIZE}x{SIZE}xf32>"
MAPS = """
#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#d = affine_map<(m, n) -> (m, n)>
"""
PRODUCT = f"""
  linalg.fill ins(%zero : f32) outs(%t : {KIND})
  linalg.generic {{indexing_maps = [#mk, #kn, #mn],
                  iterator_types = ["parallel", "parallel", "reduction"]}}
    ins(%a, %b : {KIND}, {KIND}) outs(%t : {KIND})
 {{
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %x = arith.addf %s, %m : f32
    linalg.yield %x : f32
  }}"""
RELU = f"""
  linalg.generic {{indexing_maps = [#d, #d], iterator_types = ["parallel", "parallel"]}}
    ins(%t : {KIND}) outs(%c : {KIND}) {{
  ^bb0(%v: f32, %old: f32):
    %w = arith.maximumf %v, %zero : f32
    linalg.yield %w : f32
  }}"""
LOADED = f"""
  linalg.generic {{indexing_maps = [#d], iterator_types = ["parallel", "parallel"]}}
    outs(%c : {KIND}) {{
  ^bb0(%old: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %w = memref.load %t[%j, %i] : {KIND}
    linalg.yield %w : f32
  }}
  linalg.generic {{indexing_maps = [#d], iterator_types = ["parallel", "parallel"]}}
    outs(%t : {KIND}) {{
  ^bb0(%v: f32):
    %w = arith.maximumf %v, %zero : f32
    linalg.yield %w : f32
  }}
  memref.copy %t, %d : {KIND} to {KIND}"""


def program(rest: str) -> str:
    """``t = a @ b``, then the rest."""
    arguments = ", ".join(f"%{name}: {KIND}" for name in "abcd")
    return f"""{MAPS}
func.func @f({arguments}) {{
  %zero = arith.constant 0.0 : f32
  %t = memref.alloc() : {KIND}{PRODUCT}{rest}
  memref.dealloc %t : {KIND}
  return
}}"""


def arrays():
    rng = np.random.default_rng(0)
    return [rng.integers(-4, 5, (SIZE, SIZE)).astype(np.float32) for _ in "abcd"]


def request(target: str) -> Request:
    return Request(target=target, parameters=PARAMETERS if target == "cpu" else {})


@pytest.mark.parametrize("target", ["cpu", "nvidia:sim", "xegpu:sim"])
@pytest.mark.parametrize("same", [None, 0, 1], ids=["apart", "left", "right"])
def test_the_result_may_be_the_array_of_a_factor(same, target):
    run = load(compile(mlir_payload(program(RELU)), request(target)))
    a, b, c, d = arrays()
    expected = np.maximum(a @ b, 0)
    c = c if same is None else (a, b)[same]
    run.call("f", a, b, c, d)
    np.testing.assert_array_equal(c, expected)


@pytest.mark.parametrize("pipeline", ["default", "optimize"])
def test_an_argument_without_another_name_is_not_passed_twice(pipeline):
    text = program(RELU).replace(f"%c: {KIND}", f"%c: {KIND} {{llvm.noalias}}")
    run = load(compile(mlir_payload(text), Request(pipeline=pipeline)))
    a, b, c, d = arrays()
    run.call("f", a, b, c, d)
    np.testing.assert_array_equal(c, np.maximum(a @ b, 0))
    with pytest.raises(UserError, match="arguments 0 and 2 are the same memory"):
        run.call("f", a, b, a, d)


def test_what_a_body_loads_in_between_is_the_product_itself():
    run = load(compile(mlir_payload(program(LOADED)), Request(parameters=PARAMETERS)))
    a, b, c, d = arrays()
    run.call("f", a, b, c, d)
    np.testing.assert_array_equal(c, (a @ b).T)
    np.testing.assert_array_equal(d, np.maximum(a @ b, 0))


def test_a_result_that_is_called_restrict_is_finished_on_the_tiles():
    kind = f"tensor<{SIZE}x{SIZE}xf32>"
    text = f"""
func.func @f(%a: {kind}, %b: {kind}, %out: {KIND}) {{
  %zero = arith.constant 0.0 : f32
  %o = bufferization.to_tensor %out restrict writable : {KIND} to {kind}
  %e = tensor.empty() : {kind}
  %t = linalg.fill ins(%zero : f32) outs(%e : {kind}) -> {kind}
  %c = linalg.matmul ins(%a, %b : {kind}, {kind}) outs(%t : {kind}) -> {kind}
  %r = linalg.max ins(%c, %c : {kind}, {kind}) outs(%o : {kind}) -> {kind}
  bufferization.materialize_in_destination %r in restrict writable %out : ({kind}, {KIND}) -> ()
  return
}}"""
    driving = {"stop_after": "packed-contractions"}
    lowered = lower(mlir_payload(text), Request(parameters=PARAMETERS, driving=driving))
    assert "linalg.generic" not in str(lowered.module)
    apart = lower(mlir_payload(program(RELU)), Request(parameters=PARAMETERS, driving=driving))
    assert "linalg.generic" in str(apart.module)


ROW = f"memref<{SIZE}xf32, strided<[1]>>"
BIASED = f"""
  %row = memref.subview %c[0, 0] [1, {SIZE}] [1, 1] : {KIND} to {ROW}
  linalg.generic {{indexing_maps = [affine_map<(m, n) -> (n)>, #d],
                  iterator_types = ["parallel", "parallel"]}}
    ins(%row : {ROW}) outs(%t : {KIND}) {{
  ^bb0(%v: f32, %old: f32):
    linalg.yield %v : f32
  }}"""


@pytest.mark.parametrize("target", ["cpu", "nvidia:sim"])
def test_the_sums_may_start_from_a_row_of_what_is_written(target):
    fill = f"\n  linalg.fill ins(%zero : f32) outs(%t : {KIND})"
    text = program(RELU).replace(fill, BIASED)
    assert text.count("%row") == 2
    run = load(compile(mlir_payload(text), request(target)))
    a, b, c, d = arrays()
    expected = np.maximum(a @ b + c[0], 0)
    run.call("f", a, b, c, d)
    np.testing.assert_array_equal(c, expected)
