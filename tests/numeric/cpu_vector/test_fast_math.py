"""exp and tanh over the whole range of f32: accuracy in ulp, and the special values."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from pharos.targets.cpu.fast_math import fit, functions
from pharos.toolchain import compile, load, mlir_payload

BOUNDS = {"exp": 1.0, "tanh": 2.0}


@functools.cache
def compiled(name: str, dtype: str = "f32"):
    text = f"""
func.func @f(%x: memref<?x{dtype}>, %y: memref<?x{dtype}>) {{
  linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                  iterator_types = ["parallel"]}}
    ins(%x : memref<?x{dtype}>) outs(%y : memref<?x{dtype}>) {{
  ^bb0(%a: {dtype}, %o: {dtype}):
    %e = math.{name} %a : {dtype}
    linalg.yield %e : {dtype}
  }}
  return
}}"""
    return load(compile(mlir_payload(text)))


def evaluate(name, x):
    out = np.full_like(x, np.nan)
    compiled(name).call("f", x, out)
    return out


@pytest.mark.parametrize("name", BOUNDS)
def test_accuracy_over_the_whole_range(name):
    # Every 4099th of all bit patterns: about a million, every exponent and both signs.
    x = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32).view(np.float32)
    with np.errstate(invalid="ignore"):
        x = x[np.isfinite(x)]
    found = evaluate(name, x)
    with np.errstate(over="ignore", under="ignore"):
        exact = getattr(np, name)(x.astype(np.float64))
        rounded = exact.astype(np.float32)
    finite = np.isfinite(rounded)
    error = np.abs(found[finite] - exact[finite]) / np.spacing(np.abs(rounded[finite]))
    assert error.max() <= BOUNDS[name]
    assert np.array_equal(found[~finite], rounded[~finite])


@pytest.mark.parametrize("name", BOUNDS)
def test_special_values(name):
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-45, -1e-45, 3e38, -3e38], np.float32)
    with np.errstate(over="ignore", under="ignore"):
        expected = getattr(np, name)(x)
    found = evaluate(name, x)
    np.testing.assert_array_equal(found, expected)
    if name == "tanh":
        assert np.array_equal(np.signbit(found[3:7]), np.signbit(x[3:7]))


def test_exp_reaches_denormals_and_overflow_where_libm_does():
    x = np.linspace(-104, -87, 2001, dtype=np.float32)
    exact = np.exp(x.astype(np.float64))
    assert np.abs(evaluate("exp", x) - exact).max() <= 1.01 * np.float64(2.0**-149)
    x = np.array([88.72283, 88.72284, 89.0], np.float32)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(np.isinf(evaluate("exp", x)), np.isinf(np.exp(x)))


@pytest.mark.parametrize("name", BOUNDS)
def test_narrow_types_are_computed_wide_and_rounded_once(name):
    import ml_dtypes

    x = np.arange(0, 2**16, 7, dtype=np.uint16).view(ml_dtypes.bfloat16)
    with np.errstate(invalid="ignore"):
        x = x[np.isfinite(x)]
    out = np.zeros_like(x)
    compiled(name, "bf16").call("f", x, out)
    with np.errstate(over="ignore"):
        exact = getattr(np, name)(x.astype(np.float64)).astype(np.float32)
        expected = exact.astype(ml_dtypes.bfloat16)
    neighbours = np.abs(out.view(np.int16).astype(int) - expected.view(np.int16).astype(int))
    assert neighbours.max() <= 1


def test_the_coefficients_are_the_fitted_ones():
    np.testing.assert_allclose(functions.EXP_TAIL, fit.exp_tail(), rtol=1e-5)
    np.testing.assert_allclose(functions.TANH_TAIL, fit.tanh_tail(), rtol=1e-4)
