"""Factors that are computed from several operands while they are packed."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.toolchain import Request, compile, load, mlir_payload

ROWS, COLUMNS, STEPS = 37, 51, 83
MAPS = {"(k)": (STEPS,), "(m)": (ROWS,), "(m, k)": (ROWS, STEPS), "(k, m)": (STEPS, ROWS)}


def program(right: str, other: str) -> str:
    """o = max(a + e, 0) b, with a in rows; ``right`` is the form of b, ``other`` that of e."""
    b = f"{COLUMNS}x{STEPS}" if right == "(n, k)" else f"{STEPS}x{COLUMNS}"
    e = "x".join(map(str, MAPS[other]))
    head = "affine_map<(m, n, k) -> "
    return f"""
func.func @f(%a: memref<{ROWS}x{STEPS}xf32>, %e: memref<{e}xf32>, %b: memref<{b}xf32>,
             %o: memref<{ROWS}x{COLUMNS}xf32>) {{
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%o : memref<{ROWS}x{COLUMNS}xf32>)
  linalg.generic {{indexing_maps = [{head}(m, k)>, {head}{other}>, {head}{right}>, {head}(m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%a, %e, %b : memref<{ROWS}x{STEPS}xf32>, memref<{e}xf32>, memref<{b}xf32>)
      outs(%o : memref<{ROWS}x{COLUMNS}xf32>) {{
  ^bb0(%p: f32, %q: f32, %w: f32, %s: f32):
    %t = arith.addf %p, %q : f32
    %u = arith.maximumf %t, %zero : f32
    %m = arith.mulf %u, %w : f32
    %x = arith.addf %s, %m : f32
    linalg.yield %x : f32
  }}
  return
}}"""


@pytest.mark.parametrize(
    ("right", "other"),
    [("(n, k)", "(k)"), ("(k, n)", "(m, k)"), ("(k, n)", "(m)"), ("(k, n)", "(k, m)")],
)
def test_operands_along_steps_lanes_and_both(right, other):
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((n, STEPS)).astype(np.float32) for n in (ROWS, COLUMNS))
    e = rng.standard_normal(MAPS[other]).astype(np.float32)
    o = np.full((ROWS, COLUMNS), np.nan, np.float32)
    parameters = {"simd_bits": 512, "registers": 32, "threads": 2, "grain": 1000}
    made = compile(mlir_payload(program(right, other)), Request(parameters=parameters))
    load(made).call("f", a, e, b if right == "(n, k)" else b.T.copy(), o)
    added = {"(k)": e, "(m)": e[..., None], "(m, k)": e, "(k, m)": e.T}[other]
    expected = np.maximum(a.astype(float) + added, 0) @ b.T
    np.testing.assert_allclose(o, expected, rtol=1e-4, atol=1e-4)
