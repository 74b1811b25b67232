"""Equal contractions of a module share their code; others do not."""

from __future__ import annotations

import re

import numpy as np

from pharos.toolchain import Request, compile, load, lower, mlir_payload

MATRIX = "memref<48x48xf32>"
TEXT = f"""
func.func @f(%a: {MATRIX}, %b: {MATRIX}, %c: {MATRIX}, %d: {MATRIX}) {{
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : {MATRIX})
  linalg.matmul ins(%a, %b : {MATRIX}, {MATRIX}) outs(%c : {MATRIX})
  linalg.fill ins(%zero : f32) outs(%d : {MATRIX})
  linalg.matmul ins(%b, %c : {MATRIX}, {MATRIX}) outs(%d : {MATRIX})
  linalg.matmul ins(%c, %c : {MATRIX}, {MATRIX}) outs(%d : {MATRIX})
  return
}}"""


def test_equal_contractions_are_compiled_once():
    driving = {"stop_after": "packed-contractions"}
    text = str(lower(mlir_payload(TEXT), Request(driving=driving)).module)
    functions = re.findall(r"func.func private @(\w+)", text)
    # The third adds to what is there: its tiles are others, and it has one operand less.
    assert len([name for name in functions if name.endswith("_tiles")]) == 2


def test_they_compute_the_same():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((48, 48)).astype(np.float32) for _ in range(2))
    c, d = np.full_like(a, np.nan), np.full_like(a, np.nan)
    load(compile(mlir_payload(TEXT))).call("f", a, b, c, d)
    np.testing.assert_allclose(c, a @ b, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(d, b @ c + c @ c, rtol=1e-3, atol=1e-2)
