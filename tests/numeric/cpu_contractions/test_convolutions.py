"""Packed convolutions against torch: windows, strides, dilation, groups, 1 to 3 dimensions."""

from __future__ import annotations

import functools

import ml_dtypes
import numpy as np
import pytest
import torch

from pharos.toolchain import Request, compile, load, lower, mlir_payload

WIDTHS = {"256 bits": (256, 16), "512 bits": (512, 32)}


def parameters(width: str) -> dict[str, int]:
    bits, registers = WIDTHS[width]
    return {"simd_bits": bits, "registers": registers, "threads": 2, "grain": 1000}


@functools.cache
def compiled(text: str, width: str):
    return load(compile(mlir_payload(text), Request(parameters=parameters(width))))


def was_packed(text: str, width: str) -> bool:
    driving = {"stop_after": "packed-contractions"}
    request = Request(parameters=parameters(width), driving=driving)
    return "_tiles" in str(lower(mlir_payload(text), request).module)


def memref(shape) -> str:
    return f"memref<{'x'.join(map(str, shape))}xf32>"


def convolution(image, filters, out, stride, dilation, bias, dynamic=(), dtype="f32") -> str:
    """``out[n,g,f,o] = bias[g,f] + sum image[n,g,c,o*stride+k*dilation] * filters[g,f,c,k]``"""
    rank = len(image) - 3
    o, k = [f"o{i}" for i in range(rank)], [f"k{i}" for i in range(rank)]
    loops = ", ".join(["n", "g", "f", *o, "c", *k])
    head = f"affine_map<({loops}) -> "
    at = ", ".join(f"{x} * {stride} + {y} * {dilation}" for x, y in zip(o, k, strict=True))
    maps = [f"(n, g, c, {at})", f"(g, f, c, {', '.join(k)})", f"(n, g, f, {', '.join(o)})"]
    kinds = ", ".join(['"parallel"'] * (3 + rank) + ['"reduction"'] * (1 + rank))
    x, w, y = (
        memref([("?" if i in dynamic else s) for i, s in enumerate(shape)])
        for shape in (image, filters, out)
    )
    x, w = (t.replace("xf32>", f"x{dtype}>") for t in (x, w))
    widen = "".join(
        f"%{v}w = arith.extf %{v} : {dtype} to f32\n    " for v in "pq" if dtype != "f32"
    )
    p, q = ("%pw", "%qw") if widen else ("%p", "%q")
    b = memref(out[1:3])
    outer = ", ".join(["n", "g", "f", *o])
    parallel = ", ".join(['"parallel"'] * (3 + rank))
    start = "%b" if bias else "%zero"
    first = (
        f"linalg.generic {{indexing_maps = [affine_map<({outer}) -> (g, f)>, "
        f"affine_map<({outer}) -> ({outer})>], iterator_types = [{parallel}]}} "
        f"ins(%b : {b}) outs(%y : {y}) {{\n^bb0(%p: f32, %q: f32):\n linalg.yield %p : f32 }}"
        if start == "%b"
        else f"linalg.fill ins(%zero : f32) outs(%y : {y})"
    )
    return f"""
func.func @f(%x: {x}, %w: {w}, %b: {b}, %y: {y}) {{
  %zero = arith.constant 0.0 : f32
  {first}
  linalg.generic {{indexing_maps = [{", ".join(head + m + ">" for m in maps)}],
      iterator_types = [{kinds}]}} ins(%x, %w : {x}, {w}) outs(%y : {y}) {{
  ^bb0(%p: {dtype}, %q: {dtype}, %s: f32):
    {widen}%m = arith.mulf {p}, {q} : f32
    %a = arith.addf %s, %m : f32
    linalg.yield %a : f32
  }}
  return
}}"""


def check(
    batch, groups, channels, filters, sizes, window, stride, dilation, bias, width, dynamic=()
):
    outs = [(s - (k - 1) * dilation - 1) // stride + 1 for s, k in zip(sizes, window, strict=True)]
    shapes = (
        (batch, groups, channels, *sizes),
        (groups, filters, channels, *window),
        (batch, groups, filters, *outs),
    )
    text = convolution(*shapes, stride, dilation, bias, dynamic)
    assert was_packed(text, width)
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(np.float32) for s in shapes[:2])
    b = rng.standard_normal((groups, filters)).astype(np.float32)
    y = np.full(shapes[2], np.nan, np.float32)
    compiled(text, width).call("f", x, w, b, y)
    call = getattr(torch.nn.functional, f"conv{len(sizes)}d")
    expected = call(
        torch.from_numpy(x).double().flatten(1, 2),
        torch.from_numpy(w).double().flatten(0, 1),
        torch.from_numpy(b).double().flatten() if bias else None,
        stride=stride,
        dilation=dilation,
        groups=groups,
    )
    np.testing.assert_allclose(y, expected.numpy().reshape(y.shape), rtol=1e-4, atol=1e-4)


CASES = {
    "3x3": (2, 1, 5, 7, (13, 37), (3, 3), 1, 1, False),
    "rows shorter than a vector": (3, 1, 8, 20, (9, 9), (3, 3), 1, 1, True),
    "rows of a vector": (1, 1, 4, 12, (18, 18), (3, 3), 1, 1, True),
    "stride 2": (2, 1, 6, 13, (33, 71), (3, 3), 2, 1, True),
    "stride 3": (1, 1, 6, 13, (33, 35), (5, 3), 3, 1, False),
    "dilation": (1, 1, 6, 9, (20, 41), (3, 3), 1, 3, True),
    "stride and dilation": (2, 1, 3, 8, (41, 40), (3, 2), 2, 2, False),
    "1x1": (2, 1, 17, 19, (7, 11), (1, 1), 1, 1, True),
    "1x1 stride 2": (2, 1, 17, 19, (14, 15), (1, 1), 2, 1, False),
    "groups": (2, 3, 4, 6, (11, 19), (3, 3), 1, 1, True),
    "one image, few filters": (1, 1, 8, 3, (40, 40), (3, 3), 1, 1, False),
    "1d": (2, 1, 9, 15, (131,), (5,), 1, 1, True),
    "1d stride 2": (1, 1, 9, 15, (132,), (4,), 2, 1, False),
    "3d": (2, 1, 4, 6, (7, 9, 21), (3, 3, 3), 1, 1, True),
    "3d stride 2": (1, 1, 4, 6, (9, 9, 23), (3, 1, 3), 2, 1, False),
}


@pytest.mark.parametrize("case", CASES)
def test_convolutions(case):
    check(*CASES[case], "512 bits")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_convolutions_on_narrow_vectors(case):
    check(*CASES[case], "256 bits")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dynamic", [(0,), (0, 3, 4)])
def test_sizes_known_at_run_time(width, dynamic):
    # Window sizes are dimensions 3 and 4 of the filters, and dynamic with the image's.
    check(2, 1, 5, 7, (13, 37), (3, 3), 1, 1, True, width, dynamic)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_random_convolutions(seed):
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 4))
    window = [int(n) for n in rng.integers(1, 4, rank)]
    stride, dilation = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    outs = rng.integers(4, (60, 20, 9)[rank - 1], rank)
    sizes = [
        int((o - 1) * stride + (k - 1) * dilation + 1 + rng.integers(0, stride))
        for o, k in zip(outs, window, strict=True)
    ]
    groups, channels, filters = (int(n) for n in rng.integers((1, 8, 4), (4, 13, 20)))
    batch = int(rng.integers(1, 4))
    check(
        batch, groups, channels, filters, sizes, window, stride, dilation, seed % 2 == 0, "512 bits"
    )


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dtype", ["bf16", "f16"])
def test_narrow_images_and_filters_are_widened(dtype, stride):
    shapes = (2, 1, 5, 21, 21), (1, 7, 5, 3, 3), (2, 1, 7, *[(21 - 3) // stride + 1] * 2)
    text = convolution(*shapes, stride, 1, False, dtype=dtype)
    assert was_packed(text, "512 bits")
    type_ = {"bf16": ml_dtypes.bfloat16, "f16": np.float16}[dtype]
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(type_) for s in shapes[:2])
    y = np.full(shapes[2], np.nan, np.float32)
    compiled(text, "512 bits").call("f", x, w, np.zeros((1, 7), np.float32), y)
    image = torch.from_numpy(x.astype(np.float64)[:, 0])
    filters = torch.from_numpy(w.astype(np.float64)[0])
    expected = torch.nn.functional.conv2d(image, filters, stride=stride).numpy()
    np.testing.assert_allclose(y[:, 0], expected, rtol=1e-4, atol=1e-4)


def test_a_depthwise_convolution_is_left_alone():
    text = convolution((1, 8, 1, 20, 20), (8, 1, 1, 3, 3), (1, 8, 1, 18, 18), 1, 1, False)
    assert not was_packed(text, "512 bits")
