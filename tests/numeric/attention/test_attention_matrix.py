"""Attention in every variant, on every target, against float64."""

from __future__ import annotations

import pytest
from attention_cases import check, matrix

FAST = [("cpu", (1, 2, 17, 96, 64), "everything", "f32")]
TARGETS = ("cpu", "nvidia:sim", "amd:sim", "xegpu:sim")
SLOW = [(target, *one) for target in TARGETS for one in matrix()]


@pytest.mark.parametrize(("target", "shape", "variant", "dtype"), FAST)
def test_attention_is_right(target, shape, variant, dtype):
    check(target, shape, variant, dtype)


@pytest.mark.slow
@pytest.mark.parametrize(("target", "shape", "variant", "dtype"), SLOW, ids=str)
def test_attention_is_right_everywhere(target, shape, variant, dtype):
    check(target, shape, variant, dtype)
