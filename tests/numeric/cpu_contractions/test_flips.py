"""Filters that are turned over for a convolution are turned over by the packer."""

from __future__ import annotations

import numpy as np
import torch

from pharos.toolchain import Request, compile, load, lower, mlir_payload

IMAGE, FILTERS, OUT = (1, 6, 9, 10), (6, 20, 3, 2), (1, 20, 7, 9)


def memref(shape) -> str:
    return f"memref<{'x'.join(map(str, shape))}xf32>"


def convolution(between: str = "") -> str:
    """``y[n, f, a, b] = sum x[n, c, a + i, b + j] * w[c, f, 2 - i, 1 - j]``, ``w`` turned first
    and ``between`` in between."""
    turned = (20, 6, 3, 2)
    loops = "n, f, a, b, c, i, j"
    return f"""
func.func @f(%x: {memref(IMAGE)}, %w: {memref(FILTERS)}, %y: {memref(OUT)}) {{
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1 : index
  %two = arith.constant 2 : index
  %t = memref.alloc() : {memref(turned)}
  linalg.generic {{indexing_maps = [affine_map<(f, c, i, j) -> (f, c, i, j)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel"]}}
    outs(%t : {memref(turned)}) {{
  ^bb0(%o: f32):
    %f = linalg.index 0 : index
    %c = linalg.index 1 : index
    %i = linalg.index 2 : index
    %j = linalg.index 3 : index
    %a = arith.subi %two, %i : index
    %b = arith.subi %one, %j : index
    %v = memref.load %w[%c, %f, %a, %b] : {memref(FILTERS)}
    linalg.yield %v : f32
  }}
  {between}
  linalg.fill ins(%zero : f32) outs(%y : {memref(OUT)})
  linalg.generic {{indexing_maps = [affine_map<({loops}) -> (n, c, a + i, b + j)>,
      affine_map<({loops}) -> (f, c, i, j)>, affine_map<({loops}) -> (n, f, a, b)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction",
      "reduction"]}} ins(%x, %t : {memref(IMAGE)}, {memref(turned)}) outs(%y : {memref(OUT)}) {{
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  }}
  memref.dealloc %t : {memref(turned)}
  return
}}"""


OVERWRITTEN = f"linalg.fill ins(%zero : f32) outs(%w : {memref(FILTERS)})"


def lowered(text: str) -> str:
    driving = {"stop_after": "packed-contractions"}
    parameters = {"simd_bits": 512, "registers": 32, "threads": 2}
    return str(lower(mlir_payload(text), Request(parameters=parameters, driving=driving)).module)


def test_the_packer_reads_the_filters_themselves():
    text = lowered(convolution())
    assert "_tiles" in text and "memref.load %arg1[" not in text
    # Filters that change in between are copied when they were to be copied.
    assert "memref.load %arg1[" in lowered(convolution(OVERWRITTEN))


def test_results():
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape, np.float32) for shape in (IMAGE, FILTERS))
    turned = np.ascontiguousarray(w.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1])
    right = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(turned)).numpy()
    for between in ("", OVERWRITTEN):
        out = np.full(OUT, np.nan, np.float32)
        load(compile(mlir_payload(convolution(between)))).call("f", x, w.copy(), out)
        np.testing.assert_allclose(out, right, rtol=1e-4, atol=1e-4)
