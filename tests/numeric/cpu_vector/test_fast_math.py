"""Every function of fast_math over the whole range of f32: accuracy in ulp, special values."""

from __future__ import annotations

import functools
import importlib
import math

import numpy as np
import pytest

from pharos import ir
from pharos.targets.common.fast_math import fit
from pharos.targets.common.fast_math.functions import FUNCTIONS
from pharos.targets.common.fast_math.stage import FastMath
from pharos.toolchain import compile, load, mlir_payload

BOUNDS = {
    name.removeprefix("math."): function.ulps
    for name, function in FUNCTIONS.items()
    if name != "math.powf"
}
ODD = ("expm1", "log1p", "tanh", "erf", "sin")
_erf = np.vectorize(math.erf, otypes=[float])


def exactly(name, x):
    """The function in double precision, for f32 arguments."""
    with np.errstate(all="ignore"):
        if name == "erf":
            return _erf(x)
        return getattr(np, name)(x.astype(np.float64))


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
    exact = exactly(name, x)
    with np.errstate(over="ignore", under="ignore"):
        rounded = exact.astype(np.float32)
    finite = np.isfinite(rounded)
    error = np.abs(found[finite] - exact[finite]) / np.spacing(np.abs(rounded[finite]))
    assert error.max() <= BOUNDS[name]
    assert np.array_equal(found[~finite], rounded[~finite], equal_nan=True)


@pytest.mark.parametrize("name", BOUNDS)
def test_special_values(name):
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-45, -1e-45, 1.0, -1.0], np.float32)
    expected = exactly(name, x).astype(np.float32)
    found = evaluate(name, x)
    np.testing.assert_allclose(found, expected, rtol=3e-7, atol=0)
    assert np.array_equal(found[:7], expected[:7], equal_nan=True)
    if name in ODD:
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
    with np.errstate(all="ignore"):
        expected = exactly(name, x).astype(np.float32).astype(ml_dtypes.bfloat16)
    assert np.array_equal(np.isnan(out), np.isnan(expected))
    number = ~np.isnan(expected)
    bits = [v[number].view(np.int16).astype(int) for v in (out, expected)]
    assert np.abs(bits[0] - bits[1]).max() <= 1


FILES = ("exponentials", "logarithms", "error_function", "trigonometry")


def test_the_coefficients_are_the_fitted_ones():
    held = {}
    for file in FILES:
        held |= vars(importlib.import_module(f"pharos.targets.common.fast_math.{file}"))
    for name, fitted in fit.FITS.items():
        np.testing.assert_allclose(held[name], fitted(), rtol=1e-3, atol=1e-7, err_msg=name)


def test_sine_of_large_arguments():
    x = np.float32([2**20 - 1, 2**20, 1e10, 3e38, 0.5, -1e6, -1.5e6, 22.0])
    for name in ("sin", "cos"):
        np.testing.assert_allclose(evaluate(name, x), exactly(name, x), rtol=3e-7)


@functools.cache
def compiled_power(exponent: str | None):
    y = "%b" if exponent is None else "%c"
    constant = f"%c = arith.constant {exponent} : f32" if exponent else ""
    return load(
        compile(
            mlir_payload(f"""
func.func @f(%x: memref<?xf32>, %y: memref<?xf32>, %o: memref<?xf32>) {{
  linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>,
                                    affine_map<(i) -> (i)>], iterator_types = ["parallel"]}}
    ins(%x, %y : memref<?xf32>, memref<?xf32>) outs(%o : memref<?xf32>) {{
  ^bb0(%a: f32, %b: f32, %_: f32):
    {constant}
    %e = math.powf %a, {y} : f32
    linalg.yield %e : f32
  }}
  return
}}""")
        )
    )


def power(x, y, exponent=None):
    out = np.full_like(x, np.nan)
    compiled_power(exponent).call("f", x, y, out)
    return out


def test_power_over_the_range():
    rng = np.random.default_rng(7)
    x = np.exp(rng.uniform(-60, 60, 200_000)).astype(np.float32)
    y = rng.uniform(-8, 8, x.size).astype(np.float32)
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), y.astype(np.float64))
        rounded = exact.astype(np.float32)
    found = power(x, y)
    finite = np.isfinite(rounded)
    error = np.abs(found[finite] - exact[finite]) / np.spacing(rounded[finite])
    assert error.max() <= FUNCTIONS["math.powf"].ulps
    assert np.array_equal(found[~finite], rounded[~finite])


def test_power_at_special_values():
    some = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, np.inf, -np.inf, np.nan]
    some += [1e-45, 3e38, -3e38, 16777216.0, 1.5, -2.5, 1e-5]
    x, y = (v.ravel().astype(np.float32) for v in np.meshgrid(some, some))
    with np.errstate(all="ignore"):
        expected = np.power(x.astype(np.float64), y.astype(np.float64)).astype(np.float32)
    found = power(x, y)
    np.testing.assert_allclose(found, expected, rtol=2e-7)
    number = ~np.isnan(expected)
    assert np.array_equal(np.signbit(found)[number], np.signbit(expected)[number])


@pytest.mark.parametrize("exponent", [-7, -1, 0, 1, 2, 3, 4, 17, 1 << 24])
def test_whole_powers(exponent):
    module = ir.parse(f"""
func.func @f(%x: f32) -> f32 {{
  %n = arith.constant {exponent} : i32
  %y = math.fpowi %x, %n : f32, i32
  return %y : f32
}}""")
    FastMath().run(module)
    text = ir.to_text(module)
    assert "fpowi" not in text
    run = load(compile(mlir_payload(text)))
    for x in (0.0, -0.0, 1.0, -1.0, 0.75, -1.5, 7.3, 1e20, -1e-20, math.inf, -math.inf):
        with np.errstate(all="ignore"):
            expected = np.float32(np.power(np.float64(np.float32(x)), np.float64(exponent)))
        found = np.float32(run.call("f", np.float32(x)))
        np.testing.assert_allclose(found, expected, rtol=2.5e-7)
        assert np.signbit(found) == np.signbit(expected)


def test_a_whole_power_that_is_no_constant_stays():
    module = ir.parse("""
func.func @f(%x: f32, %n: i32) -> f32 {
  %y = math.fpowi %x, %n : f32, i32
  return %y : f32
}""")
    FastMath().run(module)
    assert "math.fpowi" in ir.to_text(module)


@pytest.mark.parametrize("exponent", ["1.0", "2.0", "3.0", "-1.0", "0.5", "-0.5"])
def test_constant_powers(exponent):
    x = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-20, -4.0, 0.25, 7.3, 1e20])
    # Exponents as an array: for a single 0.5 numpy takes the square root, which differs from pow.
    y = np.full(x.shape, float(exponent))
    with np.errstate(all="ignore"):
        expected = np.power(x.astype(np.float64), y).astype(np.float32)
    found = power(x, x, exponent)
    np.testing.assert_allclose(found, expected, rtol=2e-7)
    number = ~np.isnan(expected)
    assert np.array_equal(np.signbit(found)[number], np.signbit(expected)[number])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_left_to_the_library(name):
    """Vectors and scalars of all three types; only sin and cos keep a branch for large ones."""
    types = ["f32", "vector<16xf32>", "vector<8xf16>", "bf16"]
    count = 2 if name == "math.powf" else 1
    functions = [
        f"func.func @f{i}(%x: {t}) -> {t} {{ %y = {name} {', '.join(['%x'] * count)} : {t}\n"
        f"return %y : {t} }}"
        for i, t in enumerate(types)
    ]
    module = ir.parse("\n".join(functions))
    FastMath().run(module)
    ir.verify(module)
    left = str(module).count(f" {name} ")
    assert left == (len(types) if name in ("math.sin", "math.cos") else 0)


@functools.cache
def divided(divisor: float):
    text = f"""
func.func @f(%x: memref<?xf32>, %y: memref<?xf32>) {{
  %c = arith.constant {divisor!r} : f32
  linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                  iterator_types = ["parallel"]}}
    ins(%x : memref<?xf32>) outs(%y : memref<?xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %q = arith.divf %a, %c : f32
    linalg.yield %q : f32
  }}
  return
}}"""
    return load(compile(mlir_payload(text)))


@pytest.mark.parametrize("divisor", [1.41421354, 3.0, -0.3, 1023.0, 8.0])
def test_divisions_by_a_constant_are_exact(divisor):
    x = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32).view(np.float32)
    found = np.full_like(x, 7)
    divided(divisor).call("f", x, found)
    with np.errstate(all="ignore"):
        expected = x / np.float32(divisor)
        usual = (np.abs(x) > 2.0**-100) & (np.abs(x) < 2.0**100) | ~np.isfinite(x) | (x == 0)
        near = np.abs(found.astype(float) - expected) <= 2 * np.spacing(np.abs(expected))
    assert np.array_equal(found[usual], expected[usual], equal_nan=True)
    assert near[~usual & np.isfinite(expected)].all()
    assert np.array_equal(np.signbit(found[x == 0]), np.signbit(expected[x == 0]))
