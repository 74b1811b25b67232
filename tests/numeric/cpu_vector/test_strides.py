"""Vector loops along operands with gaps: pooling windows, transposes, columns; and scans."""

from __future__ import annotations

import functools

import ml_dtypes
import numpy as np
import pytest

from pharos.toolchain import Request, compile, load, mlir_payload

TYPES = {"f32": np.float32, "bf16": ml_dtypes.bfloat16, "f64": np.float64, "i64": np.int64}
SLOW = pytest.mark.slow
NARROW = [pytest.param(128, marks=SLOW), 512]


@functools.cache
def compiled(text: str, bits: int):
    registers = 32 if bits == 512 else 16
    parameters = {"simd_bits": bits, "registers": registers, "threads": 2, "grain": 100}
    return load(compile(mlir_payload(text), Request(parameters=parameters)))


def numbers(shape, dtype, seed=0):
    return (np.random.default_rng(seed).standard_normal(shape) * 4).astype(TYPES[dtype])


@pytest.mark.parametrize("bits", NARROW)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [2, 17, *(pytest.param(n, marks=SLOW) for n in (1, 5, 16, 33))])
def test_pooling_windows(size, stride, bits):
    window = 3
    length = (size - 1) * stride + window
    text = f"""
func.func @f(%x: memref<3x{length}xf32>, %w: memref<{window}xf32>, %y: memref<3x{size}xf32>) {{
  linalg.generic {{indexing_maps = [affine_map<(c, o, k) -> (c, o * {stride} + k)>,
      affine_map<(c, o, k) -> (k)>, affine_map<(c, o, k) -> (c, o)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
    ins(%x, %w : memref<3x{length}xf32>, memref<{window}xf32>) outs(%y : memref<3x{size}xf32>) {{
  ^bb0(%a: f32, %b: f32, %s: f32):
    %m = arith.maximumf %a, %s : f32
    linalg.yield %m : f32
  }}
  return
}}"""
    # The input ends where the last window ends: a load too far would leave the array.
    x, out = numbers((3, length), "f32"), np.full((3, size), -9, np.float32)
    compiled(text, bits).call("f", x, np.zeros(window, np.float32), out)
    windows = np.lib.stride_tricks.sliding_window_view(x, window, 1)[:, ::stride]
    np.testing.assert_array_equal(out, np.maximum(windows.max(2), -9))


@pytest.mark.parametrize("bits", [*NARROW, pytest.param(256, marks=SLOW)])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "shape", [(17, 33), *(pytest.param(s, marks=SLOW) for s in ((1, 1), (16, 16), (40, 70)))]
)
def test_transposes(shape, dtype, bits):
    rows, columns = shape
    text = f"""
func.func @f(%x: memref<{columns}x{rows}x{dtype}>, %y: memref<{rows}x{columns}x{dtype}>) {{
  linalg.generic {{indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}}
    ins(%x : memref<{columns}x{rows}x{dtype}>) outs(%y : memref<{rows}x{columns}x{dtype}>) {{
  ^bb0(%a: {dtype}, %b: {dtype}):
    linalg.yield %a : {dtype}
  }}
  return
}}"""
    x, out = numbers((columns, rows), dtype), np.zeros(shape, TYPES[dtype])
    compiled(text, bits).call("f", x, out)
    np.testing.assert_array_equal(out, x.T)


@pytest.mark.parametrize("bits", NARROW)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("operation", ["addf", pytest.param("mulf", marks=SLOW), "maximumf"])
@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize(
    "shape", [(3, 40), *(pytest.param(s, marks=SLOW) for s in ((20, 17), (1, 5)))]
)
def test_scans(shape, inclusive, operation, axis, bits):
    rows, columns = shape
    row = (columns, rows)[axis]
    kinds = ['"reduction", "parallel"', '"parallel", "reduction"'][axis]
    text = f"""
func.func @f(%x: memref<{rows}x{columns}xf32>, %y: memref<{rows}x{columns}xf32>,
             %s: memref<{row}xf32>) {{
  linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
      affine_map<(i, j) -> ({"ji"[axis]})>], iterator_types = [{kinds}]}}
    ins(%x : memref<{rows}x{columns}xf32>)
    outs(%y, %s : memref<{rows}x{columns}xf32>, memref<{row}xf32>) {{
  ^bb0(%a: f32, %o: f32, %before: f32):
    %t = arith.mulf %a, %a : f32
    %after = arith.{operation} %before, %t : f32
    linalg.yield {"%after" if inclusive else "%before"}, %after : f32, f32
  }}
  return
}}"""
    x = np.random.default_rng(1).uniform(0.5, 1.5, shape).astype(np.float32)
    y, last = np.zeros_like(x), np.full(row, 1.5, np.float32)
    compiled(text, bits).call("f", x, y, last)
    join = {"addf": np.add, "mulf": np.multiply, "maximumf": np.maximum}[operation]
    start = np.full_like(x, 1.5).take([0], axis)
    sums = join.accumulate(np.concatenate([start, x * x], axis), axis)
    part = slice(1, None) if inclusive else slice(None, -1)
    np.testing.assert_allclose(y, sums[part] if axis == 0 else sums[:, part], rtol=1e-4)
    np.testing.assert_allclose(last, sums.take(-1, axis), rtol=1e-4)


@pytest.mark.parametrize("stride", [2, 3])
def test_outputs_with_gaps_are_added_to(stride):
    size, length = 37, 36 * stride + 1
    text = f"""
func.func @f(%x: memref<3x{size}xf32>, %y: memref<{length}xf32>) {{
  linalg.generic {{indexing_maps = [affine_map<(k, o) -> (k, o)>,
      affine_map<(k, o) -> (o * {stride})>], iterator_types = ["reduction", "parallel"]}}
    ins(%x : memref<3x{size}xf32>) outs(%y : memref<{length}xf32>) {{
  ^bb0(%a: f32, %s: f32):
    %t = arith.addf %a, %s : f32
    linalg.yield %t : f32
  }}
  return
}}"""
    # The output ends with its last element: a load too far would leave the array.
    x, out = numbers((3, size), "f32"), numbers(length, "f32", 1)
    expected = out.copy()
    expected[::stride] += x.sum(0)
    compiled(text, 512).call("f", x, out)
    np.testing.assert_allclose(out, expected, rtol=1e-5)
