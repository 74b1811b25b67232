"""Every operation of the math dialect inside vector loops, in every float type, against numpy."""

from __future__ import annotations

import functools
import math

import ml_dtypes
import numpy as np
import pytest

from pharos.toolchain import compile, load, mlir_payload

DTYPES = {
    "f64": (np.float64, 1e-12),
    "f32": (np.float32, 2e-6),
    "f16": (np.float16, 2e-3),
    "bf16": (ml_dtypes.bfloat16, 1.6e-2),
}
# One module per type takes some seconds to compile: two types stand for all in the quick run.
TYPES = [pytest.param(t, marks=pytest.mark.slow) if t in ("f16", "f64") else t for t in DTYPES]
UNARY = {
    "absf": np.abs,
    "acos": np.arccos,
    "acosh": lambda x: np.arccosh(x + 1),
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "erf": np.vectorize(math.erf),
    "erfc": np.vectorize(math.erfc),
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "floor": np.floor,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "round": np.round,
    "roundeven": np.round,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
    "trunc": np.trunc,
}
BINARY = {"atan2": np.arctan2, "copysign": np.copysign, "powf": np.power}
SHIFTED = {"acosh": 1.0}


def program(operation: str, inputs: int, dtype: str) -> str:
    names = ["%a", "%b"][:inputs]
    arguments = ", ".join(f"%x{i}: memref<?x{dtype}>" for i in range(inputs))
    ins = ", ".join(f"%x{i}" for i in range(inputs))
    types = ", ".join([f"memref<?x{dtype}>"] * inputs)
    maps = ", ".join(["affine_map<(i) -> (i)>"] * (inputs + 1))
    block = ", ".join(f"{n}: {dtype}" for n in names)
    return f"""
func.func @do_{operation}({arguments}, %y: memref<?x{dtype}>) {{
  linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel"]}}
    ins({ins} : {types}) outs(%y : memref<?x{dtype}>) {{
  ^bb0({block}, %o: {dtype}):
    %r = math.{operation} {", ".join(names)} : {dtype}
    linalg.yield %r : {dtype}
  }}
  return
}}"""


@functools.cache
def compiled(dtype):
    """All functions of one type: one module compiles faster than dozens."""
    functions = [program(name, 1, dtype) for name in UNARY]
    functions += [program(name, 2, dtype) for name in BINARY]
    return load(compile(mlir_payload("\n".join(functions))))


def check(operation, inputs, expected, dtype, tolerance):
    out = np.zeros(len(inputs[0]), inputs[0].dtype)
    compiled(dtype).call(f"do_{operation}", *inputs, out)
    np.testing.assert_allclose(
        out.astype(np.float64), expected, rtol=tolerance, atol=tolerance / 4, err_msg=operation
    )


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("operation", UNARY)
def test_functions_of_one_number(operation, dtype):
    type_, tolerance = DTYPES[dtype]
    # 37 numbers in (0, 1): full vectors and a masked remainder, inside every domain.
    x = np.random.default_rng(0).uniform(0.05, 0.95, 37).astype(type_)
    wide = x.astype(np.float64)
    expected = UNARY[operation](wide)
    shifted = (wide + SHIFTED.get(operation, 0.0)).astype(type_)
    if operation in SHIFTED:
        expected = np.arccosh(shifted.astype(np.float64))
    check(operation, [shifted], expected, dtype, tolerance)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("operation", BINARY)
def test_functions_of_two_numbers(operation, dtype):
    type_, tolerance = DTYPES[dtype]
    rng = np.random.default_rng(1)
    x, y = (rng.uniform(0.1, 2, 37).astype(type_) for _ in range(2))
    expected = BINARY[operation](x.astype(np.float64), y.astype(np.float64))
    check(operation, [x, y], expected, dtype, tolerance)
