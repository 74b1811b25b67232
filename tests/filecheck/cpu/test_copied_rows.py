"""Small copies of rows are calls of one function, with sizes and places as arguments."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.toolchain import Request, compile, load, lower, mlir_payload

PARAMETERS = {"simd_bits": 512, "registers": 32, "threads": 2}
MAPS = "[affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>]"


def joined(*widths: int, dtype: str = "f32", rows: int = 3) -> str:
    """All arguments side by side in the last one."""
    total, at, text = sum(widths), 0, ""
    for number, width in enumerate(widths):
        part = f"memref<{rows}x{width}x{dtype}, strided<[{total}, 1], offset: {at}>>"
        text += f"""
  %v{number} = memref.subview %y[0, {at}] [{rows}, {width}] [1, 1]
    : memref<{rows}x{total}x{dtype}> to {part}
  linalg.generic {{indexing_maps = {MAPS}, iterator_types = ["parallel", "parallel"]}}
    ins(%x{number} : memref<{rows}x{width}x{dtype}>) outs(%v{number} : {part}) {{
  ^bb0(%p: {dtype}, %o: {dtype}):
    linalg.yield %p : {dtype}
  }}"""
        at += width
    arguments = "".join(f"%x{n}: memref<{rows}x{w}x{dtype}>, " for n, w in enumerate(widths))
    return f"func.func @f({arguments}%y: memref<{rows}x{total}x{dtype}>) {{{text}\n  return\n}}"


def lowered(text: str) -> str:
    request = Request(parameters=PARAMETERS, driving={"stop_after": "vector-loops"})
    return str(lower(mlir_payload(text), request).module)


def test_copies_of_all_sizes_are_calls_of_one_function():
    text = lowered(joined(20, 40, 33))
    assert text.count("func.func private @") == 1
    assert text.count("call @pharos_copy_rows_f32") == 3
    assert "linalg." not in text


def test_large_copies_and_short_rows_are_kernels_of_their_own():
    assert "pharos_copy" not in lowered(joined(70000))
    assert "pharos_copy" not in lowered(joined(3, 4, rows=50))


@pytest.mark.parametrize("dtype", ["f32", "f64", "i8"])
def test_every_element_arrives_and_no_other_is_written(dtype):
    kind = {"f32": np.float32, "f64": np.float64, "i8": np.int8}[dtype]
    rng = np.random.default_rng(0)
    parts = [rng.integers(-99, 99, (3, n)).astype(kind) for n in (65, 128, 200)]
    found = np.full((3, 65 + 128 + 200), -100, kind)
    text = joined(65, 128, 200, dtype=dtype)
    load(compile(mlir_payload(text), Request(parameters=PARAMETERS))).call("f", *parts, found)
    np.testing.assert_array_equal(found, np.concatenate(parts, 1))
