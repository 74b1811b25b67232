"""The code that stage packed-contractions writes."""

from __future__ import annotations

import pytest

from pharos.toolchain import Request, lower, mlir_payload

PARAMETERS = {"simd_bits": 512, "registers": 32, "threads": 2, "grain": 1000}
TILES = "mr = 12 : i64, nr = 32 : i64, mc = 24 : i64, nc = 64 : i64, kc = 64 : i64"


def lowered(right: str, shape: str, inner: int = 64) -> str:
    text = f"""
func.func @f(%a: memref<48x{inner}xf32>, %b: memref<{shape}xf32>, %c: memref<48x96xf32>) {{
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<48x96xf32>)
  linalg.generic {{indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
      affine_map<(m, n, k) -> ({right})>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
    ins(%a, %b : memref<48x{inner}xf32>, memref<{shape}xf32>) outs(%c : memref<48x96xf32>)
    attrs = {{pharos.params = {{{TILES}}}}} {{
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  }}
  return
}}"""
    driving = {"stop_after": "packed-contractions"}
    return str(lower(mlir_payload(text), Request(parameters=PARAMETERS, driving=driving)).module)


@pytest.mark.parametrize(("right", "shape"), [("k, n", "64x96"), ("n, k", "96x64")])
def test_a_product_is_packed_multiplied_in_registers_and_stored(right, shape):
    text = lowered(right, shape)
    assert "linalg." not in text
    assert text.count("scf.parallel") == 1  # the tiles
    # 12 rows of 2 vectors, 4 steps at a time and then one by one.
    assert text.count("vector.fma") == 12 * 2 * (4 + 1)
    # The fill is gone, and one block of inner steps never reads the result.
    assert "linalg.fill" not in text
    assert "arith.addf" not in text


@pytest.mark.parametrize(("inner", "parallel"), [(340, 1), (350, 2)])
def test_a_shared_factor_is_packed_by_all_threads_where_it_is_large(inner, parallel):
    # 48 rows of it, up to 16384 elements by one thread; then the tiles.
    assert lowered("k, n", f"{inner}x96", inner).count("scf.parallel") == parallel


def test_a_product_of_odd_sizes_is_no_convolution():
    text = """
func.func @f(%a: memref<816x240xf32>, %b: memref<327x816xf32>, %c: memref<240x327xf32>) {
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (k, m)>,
      affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : memref<816x240xf32>, memref<327x816xf32>) outs(%c : memref<240x327xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  }
  return
}"""
    driving = {"stop_after": "packed-contractions"}
    found = str(lower(mlir_payload(text), Request(parameters=PARAMETERS, driving=driving)).module)
    # Steps of the right factor are neighbours in memory: vectors of them are transposed. Read where
    # it lies, a row of the result would take as many loads as products.
    assert found.count("vector.shuffle") == 4 * 16
