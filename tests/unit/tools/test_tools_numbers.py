"""The number format: reads back, shortest, no exponent."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pharos.tools.numbers import number_text

# (value, type, text): the examples of the language reference first.
CASES = [
    (3.0, "f32", "3"),
    (0.1, "f32", "0.1"),
    (0.1, "f64", "0.1"),
    (-0.0, "f64", "-0"),
    (1e21, "f64", "1000000000000000000000"),
    (1e21, "f32", "1000000000000000000000"),
    (math.inf, "f32", "inf"),
    (-math.inf, "f64", "-inf"),
    (math.nan, "f64", "NaN"),
    (1e-45, "f32", "0." + "0" * 44 + "1"),
    (16777216.0, "f32", "16777216"),
    (0.1, "bf16", "0.1"),
    (0.1, "f16", "0.1"),
    (-1, "i32", "-1"),
    (-(2**63), "i64", str(-(2**63))),
    (True, "i1", "1"),
    (7, "index", "7"),
]


@pytest.mark.parametrize(("value", "dtype", "text"), CASES)
def test_examples(value, dtype, text):
    assert number_text(value, dtype) == text


def significant(text: str) -> int:
    return len(text.replace("-", "").replace(".", "").strip("0"))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_f64_reads_back_with_the_fewest_digits(value):
    text = number_text(value, "f64")
    assert math.copysign(1, float(text)) == math.copysign(1, value) and float(text) == value
    assert re.fullmatch(r"-?\d+(\.\d*[1-9])?", text)
    # Python's repr has the fewest digits too.
    assert significant(text) == significant(f"{Decimal(repr(value)):f}")


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_f32_reads_back_as_f32(value):
    text = number_text(value, "f32")
    assert np.float32(text) == np.float32(value)
    assert re.fullmatch(r"-?\d+(\.\d*[1-9])?", text)
    assert significant(text) <= 9


@given(st.integers(0, 0x7F7F))
def test_bf16_reads_back_as_bf16(bits):
    value = np.array(bits, np.uint16).view(ml_dtypes.bfloat16)
    text = number_text(value, "bf16")
    assert ml_dtypes.bfloat16(float(text)) == value
    assert significant(text) <= 4


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_are_decimal(value):
    assert number_text(value, "i64") == str(value)
