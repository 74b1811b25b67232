"""Comparisons with constants are made in the type of the numbers, where that has the constant."""

from __future__ import annotations

import pytest

from pharos import ir
from pharos.transform.narrow_compares import NarrowCompares


def rewritten(constant: str, narrow: str = "f32") -> str:
    module = ir.parse(f"""
func.func @f(%x: {narrow}) -> i1 {{
  %c = arith.constant {constant} : f64
  %w = arith.extf %x : {narrow} to f64
  %b = arith.cmpf ult, %w, %c : f64
  return %b : i1
}}""")
    NarrowCompares().run(module)
    ir.verify(module)
    ir.run_passes(module, "canonicalize")
    return ir.to_text(module)


@pytest.mark.parametrize("constant", ["0xFFF0000000000000", "0.5", "-3.0", "0.0"])
def test_constants_of_the_narrow_type_are_compared_with_there(constant):
    text = rewritten(constant)
    assert "f64" not in text
    assert "arith.cmpf ult, %arg0, " in text


@pytest.mark.parametrize(
    ("constant", "narrow"),
    [("0.1", "f32"), ("1.0e300", "f32"), ("257.0", "bf16")],
)
def test_other_constants_stay(constant, narrow):
    assert "f64" in rewritten(constant, narrow)
