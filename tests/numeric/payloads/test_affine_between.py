"""Loops and single accesses of the affine dialect between operations: they write memory too."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.toolchain import Request, build, load, mlir_payload

SIZE = 4096
ARRAY = f"memref<{SIZE}xf32>"
BETWEEN = {
    "store": "affine.store %two, %y[7] : {0}",
    "loop": "affine.for %i = 0 to 9 {{ affine.store %two, %y[%i] : {0} }}",
    "store of the source": "affine.store %two, %x[7] : {0}",
}


def each(source: str, target: str, made: str) -> str:
    """target = made of p from ``source`` and q from x."""
    return f"""linalg.generic {{indexing_maps = [#d, #d, #d], iterator_types = ["parallel"]}}
      ins({source}, %x : {ARRAY}, {ARRAY}) outs({target} : {ARRAY}) {{
    ^bb0(%p: f32, %q: f32, %old: f32):
      %r = {made} : f32
      linalg.yield %r : f32
    }}"""


def program(between: str) -> str:
    """y = x + 1; something; z = y * x."""
    return f"""
#d = affine_map<(i) -> (i)>
func.func @f(%x: {ARRAY} {{llvm.noalias}}, %y: {ARRAY} {{llvm.noalias}},
    %z: {ARRAY} {{llvm.noalias}}) {{
  %one = arith.constant 1.0 : f32
  %two = arith.constant 2.0 : f32
  {each("%x", "%y", "arith.addf %p, %one")}
  {BETWEEN[between].format(ARRAY)}
  {each("%y", "%z", "arith.mulf %p, %q")}
  return
}}"""


@pytest.mark.parametrize("between", BETWEEN)
def test_what_is_between_two_operations_happens_between_them(between):
    run = load(build(mlir_payload(program(between)), Request()).artifact)
    x = np.random.default_rng(0).standard_normal(SIZE).astype(np.float32)
    y = x + 1
    if between == "store":
        y[7] = 2
    elif between == "loop":
        y[:9] = 2
    after = x.copy()
    if between == "store of the source":
        after[7] = 2
    results = [np.full(SIZE, np.nan, np.float32) for _ in range(2)]
    run.call("f", x, *results)
    np.testing.assert_array_equal(results[0], y)
    np.testing.assert_array_equal(results[1], y * after)
