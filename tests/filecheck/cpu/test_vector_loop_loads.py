"""Loads in the body of an operation, from places that are linear in the loops."""

import functools
import re

import numpy as np
import pytest

from pharos import ir
from pharos.targets.cpu.vector_loops.stage import VectorLoops
from pharos.toolchain import Request, compile, load, mlir_payload

SAME = "affine_map<(i, j) -> (i, j)>"


def turned(rows: int, columns: int, last: int = 0, kind: str = "f32") -> str:
    """y[i, j] = x[rows - 1 - i, last - j] + x[i, j]; last: columns - 1."""
    x = f"memref<{rows}x{columns}x{kind}>"
    return f"""
func.func @f(%x: {x}, %y: {x}) {{
  %rows = arith.constant {rows - 1} : index
  %last = arith.constant {last or columns - 1} : index
  linalg.generic {{indexing_maps = [{SAME}, {SAME}], iterator_types = ["parallel", "parallel"]}}
    ins(%x : {x}) outs(%y : {x}) {{
  ^bb0(%b: {kind}, %o: {kind}):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %row = arith.subi %rows, %i : index
    %column = arith.subi %last, %j : index
    %a = memref.load %x[%row, %column] : {x}
    %r = arith.addf %a, %b : {kind}
    linalg.yield %r : {kind}
  }}
  return
}}"""


def lowered(text: str) -> str:
    module = ir.parse(text)
    VectorLoops(simd_bits=512, registers=32, threads=2, grain=100).run(module)
    ir.verify(module)
    return ir.to_text(module)


def test_elements_in_reverse_are_loaded_a_vector_at_a_time():
    text = lowered(turned(20, 40))
    # Indices, 64 bits wide, are gone: vectors of f32 are 16 long.
    assert re.search(r"vector.load %arg2\[[^]]*\] : memref<\d+xf32>, vector<16xf32>", text)
    assert "vector.shuffle" in text
    assert "vector.maskedload" in text
    assert "linalg" not in text


def test_loads_outside_of_the_array_stay_where_they_are():
    # From column 39 of 40 it is fine; linalg refuses operands that reach past the end.
    assert "memref.load" in lowered(turned(20, 40, last=40))
    # Places that may have been written by the same operation stay too.
    own = turned(20, 40).replace("memref.load %x", "memref.load %y")
    assert "memref.load" in lowered(own)


@functools.cache
def compiled(text: str, bits: int):
    registers = 32 if bits == 512 else 16
    parameters = {"simd_bits": bits, "registers": registers, "threads": 2, "grain": 100}
    return load(compile(mlir_payload(text), Request(parameters=parameters)))


@pytest.mark.parametrize("bits", [pytest.param(256, marks=pytest.mark.slow), 512])
@pytest.mark.parametrize(
    "columns", [33, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 16, 50))]
)
def test_numbers_in_reverse(columns, bits):
    x = np.random.default_rng(0).standard_normal((7, columns)).astype(np.float32)
    out = np.full_like(x, np.nan)
    if columns > 1:
        compiled(turned(7, columns), bits).call("f", x, out)
        np.testing.assert_array_equal(out, x[::-1, ::-1] + x)


REVERSED_SUMS = f"""
func.func @f(%x: memref<5x37xf32>, %y: memref<5x37xf32>) {{
  %zero = arith.constant 0.0 : f32
  %last = arith.constant 36 : index
  %s = memref.alloc() : memref<5xf32>
  %sums = memref.alloc() : memref<5x37xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<5xf32>)
  linalg.generic {{indexing_maps = [{SAME}, affine_map<(i, j) -> (i)>],
      iterator_types = ["parallel", "reduction"]}}
    outs(%sums, %s : memref<5x37xf32>, memref<5xf32>) {{
  ^bb0(%o: f32, %before: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %from = arith.subi %last, %j : index
    %a = memref.load %x[%i, %from] : memref<5x37xf32>
    %after = arith.addf %before, %a : f32
    linalg.yield %after, %after : f32, f32
  }}
  linalg.generic {{indexing_maps = [{SAME}], iterator_types = ["parallel", "parallel"]}}
    outs(%y : memref<5x37xf32>) {{
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %from = arith.subi %last, %j : index
    %a = memref.load %sums[%i, %from] : memref<5x37xf32>
    linalg.yield %a : f32
  }}
  memref.dealloc %s : memref<5xf32>
  memref.dealloc %sums : memref<5x37xf32>
  return
}}"""


def test_sums_from_the_end():
    x = np.random.default_rng(0).standard_normal((5, 37)).astype(np.float32)
    for pipeline in ("default", "optimize"):
        out = np.full_like(x, np.nan)
        load(compile(mlir_payload(REVERSED_SUMS), Request(pipeline=pipeline))).call("f", x, out)
        np.testing.assert_allclose(out, x[:, ::-1].cumsum(1)[:, ::-1], rtol=1e-4, atol=1e-5)
