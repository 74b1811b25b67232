"""The last columns of a result: a tile of fewer vectors, where that spares enough work."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.targets.cpu.contractions.parameters import last_columns
from pharos.toolchain import Request, compile, load, lower, mlir_payload

WIDTHS = {"256 bits": (256, 16), "512 bits": (512, 32)}


@pytest.mark.parametrize(
    ("columns", "last"),
    [
        (48, 48),  # one tile: nothing to compile twice
        (96, 48),
        (64, 16),
        (65, 32),  # 17 columns fill two vectors, the second under a mask
        (128, 32),
        (90, 48),  # 42 columns need all three
        (40, 48),  # less than a tile: it is the only one
        (1024, 16),
        (4096, 48),  # 32 of 4096 columns are not worth a second microkernel
    ],
)
def test_the_last_tile_is_narrower_where_that_spares_a_hundredth(columns, last):
    assert last_columns(columns, 48, 16) == last


def program(m: int, n: int, k: int, dtype: str, tiles: str) -> str:
    """o = relu(t + a b + r)."""
    a, b, c, r = (f"memref<{s}x{dtype}>" for s in (f"{m}x{k}", f"{k}x{n}", f"{m}x{n}", f"{n}"))
    return f"""
#d = affine_map<(m, n) -> (m, n)>
func.func @f(%a: {a}, %b: {b}, %r: {r}, %t: {c} {{llvm.noalias}}, %o: {c} {{llvm.noalias}}) {{
  %zero = arith.constant 0.0 : {dtype}
  linalg.generic {{indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
      affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%a, %b : {a}, {b}) outs(%t : {c}) attrs = {{pharos.params = {{{tiles}}}}} {{
  ^bb0(%p: {dtype}, %q: {dtype}, %s: {dtype}):
    %m = arith.mulf %p, %q : {dtype}
    %x = arith.addf %s, %m : {dtype}
    linalg.yield %x : {dtype}
  }}
  linalg.generic {{indexing_maps = [#d, affine_map<(m, n) -> (n)>, #d],
      iterator_types = ["parallel", "parallel"]}}
      ins(%t, %r : {c}, {r}) outs(%o : {c}) {{
  ^bb0(%u: {dtype}, %e: {dtype}, %old: {dtype}):
    %v = arith.addf %u, %e : {dtype}
    %w = arith.maximumf %v, %zero : {dtype}
    linalg.yield %w : {dtype}
  }}
  return
}}"""


def parameters(width: str) -> dict[str, int]:
    bits, registers = WIDTHS[width]
    return {"simd_bits": bits, "registers": registers, "threads": 2, "grain": 1000}


@pytest.mark.parametrize(("n", "narrow"), [(96, 0), (64, 1), (80, 2)])
def test_a_narrow_end_has_a_microkernel_of_its_own(n, narrow):
    tiles = "mr = 8 : i64, nr = 48 : i64, kc = 64 : i64"
    request = Request(
        parameters=parameters("512 bits"), driving={"stop_after": "packed-contractions"}
    )
    text = str(lower(mlir_payload(program(24, n, 64, "f32", tiles)), request).module)
    # Four steps written out and one of the rest, 8 rows of so many vectors.
    assert text.count("vector.fma") == 5 * 8 * (3 + narrow)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("n", [49, 64, 65, 79, 80, 96, 112, 130])
def test_every_number_of_columns_is_right(n, dtype, width):
    type_ = {"f32": np.float32, "f64": np.float64}[dtype]
    lanes = WIDTHS[width][0] // (32 if dtype == "f32" else 64)
    tiles = f"mr = 4 : i64, nr = {3 * lanes} : i64, kc = 20 : i64"
    m, k = 13, 45
    run = load(
        compile(mlir_payload(program(m, n, k, dtype, tiles)), Request(parameters=parameters(width)))
    )
    rng = np.random.default_rng(n)
    a, b, r, t = (rng.standard_normal(s).astype(type_) for s in ((m, k), (k, n), n, (m, n)))
    out = np.full((m + 2, n), np.nan, type_)
    exact = np.maximum(a.astype(np.float64) @ b + r + t, 0)
    run.call("f", a, b, r, t.copy(), out[1:-1])
    tolerance = 1e-12 if dtype == "f64" else 1e-5
    np.testing.assert_allclose(out[1:-1], exact, rtol=tolerance, atol=tolerance * 10)
    assert np.isnan(out[[0, -1]]).all()
