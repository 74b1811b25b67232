"""Constants of a narrower type, rounded as the hardware rounds."""

import ml_dtypes
import numpy as np
import pytest

from pharos import ir
from pharos.transform.rounded_constants import RoundedConstants, rounded


def test_a_rounded_constant_is_a_constant():
    module = ir.parse("""
func.func @f() -> (f32, bf16, f32) {
  %c = arith.constant 0.1 : f64
  %h = arith.constant 1.0e300 : f64
  %a = arith.truncf %c : f64 to f32
  %b = arith.truncf %c : f64 to bf16
  %o = arith.truncf %h : f64 to f32
  return %a, %b, %o : f32, bf16, f32
}""")
    RoundedConstants().run(module)
    ir.verify(module)
    text = ir.to_text(module)
    assert "arith.constant 1.000000e-01 : f32" in text
    assert "arith.constant 1.000980e-01 : bf16" in text
    # Too large for f32: what it becomes is left to the hardware.
    assert text.count("arith.truncf") == 1


@pytest.mark.parametrize(
    ("type_", "dtype"), [("f32", np.float32), ("bf16", ml_dtypes.bfloat16), ("f16", np.float16)]
)
def test_rounding_is_to_the_nearest(type_, dtype):
    rng = np.random.default_rng(0)
    values = rng.standard_normal(500) * 10.0 ** rng.integers(0, 4, 500)
    values = values[np.abs(values) > 1e-3]
    # As f32 values, so that numpy's detour over f32 rounds once.
    values = [*values.astype(np.float32).astype(float), 1.00390625, 1.01171875, 0.0, -0.0]
    for value in values:
        assert rounded(value, type_) == float(np.float32(value).astype(dtype))
    assert rounded(1e-40, type_) is None
    assert rounded(1e300, type_) is None
    assert rounded(float("-inf"), type_) == float("-inf")
