"""Convolutions are contractions over channels and window: the same kernels, on simulated NVIDIA."""

from __future__ import annotations

import numpy as np
import pytest
from gpu_products import DTYPES, ROUNDING

from pharos import ir
from pharos.targets.common.gpu.finish import REPORT
from pharos.toolchain import build, load
from pharos.toolchain.records import Payload, Request


def convolution(image, filters, dtype, stride=1):
    """NCHW by FCHW, no padding: the payload, and the shape of its result."""
    n, _, h, w = image
    f, _, kh, kw = filters
    out = (n, f, (h - kh) // stride + 1, (w - kw) // stride + 1)
    x, k, y = (f"tensor<{'x'.join(map(str, s))}x{dtype}>" for s in (image, filters, out))
    text = f"""func.func @main(%x: {x}, %k: {k}) -> {y} {{
      %zero = arith.constant 0.0 : {dtype}
      %e = tensor.empty() : {y}
      %s = linalg.fill ins(%zero : {dtype}) outs(%e : {y}) -> {y}
      %r = linalg.conv_2d_nchw_fchw {{strides = dense<{stride}> : vector<2xi64>}}
        ins(%x, %k : {x}, {k}) outs(%s : {y}) -> {y}
      return %r : {y}
    }}"""
    return Payload("convolution", text, lambda: ir.parse(text)), out


def reference(x, k, stride):
    """In float64, window element by window element."""
    x, k = x.astype(np.float64), k.astype(np.float64)
    rows, columns = ((a - b) // stride + 1 for a, b in zip(x.shape[2:], k.shape[2:], strict=True))
    total = np.zeros((x.shape[0], k.shape[0], rows, columns))
    for i in range(k.shape[2]):
        for j in range(k.shape[3]):
            part = x[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
            total += np.einsum("nchw,fc->nfhw", part, k[:, :, i, j])
    return total


CASES = [
    ((2, 5, 12, 13), (9, 5, 3, 3), "f32", 1),
    ((1, 3, 17, 20), (6, 3, 5, 3), "f16", 2),
    ((3, 8, 7, 7), (33, 8, 1, 1), "bf16", 1),
]


@pytest.mark.parametrize(("image", "filters", "dtype", "stride"), CASES[:1])
def test_a_convolution_is_one_kernel(image, filters, dtype, stride):
    check(image, filters, dtype, stride)


@pytest.mark.slow
@pytest.mark.parametrize(("image", "filters", "dtype", "stride"), CASES[1:])
def test_convolutions_on_tensor_cores(image, filters, dtype, stride):
    check(image, filters, dtype, stride)


def check(image, filters, dtype, stride):
    payload, shape = convolution(image, filters, dtype, stride)
    artifact = build(payload, Request(target="nvidia:sm_80:sim")).artifact
    random = np.random.default_rng(0)
    x, k = (random.standard_normal(s).astype(DTYPES[dtype]) for s in (image, filters))
    result = load(artifact).call("main", x, k)
    found = np.asarray(result[0] if isinstance(result, tuple) else result, dtype=np.float64)
    wanted, size = reference(x, k, stride), reference(np.abs(x), np.abs(k), stride)
    count = int(np.prod(filters[1:]))
    assert found.shape == shape
    assert np.all(np.abs(found - wanted) <= (count * 2**-24 + 2 * ROUNDING[dtype]) * size)
    names = {step["kernel"] for step in artifact.metadata["launches"]["main"]["steps"]}
    assert len(names) == 1 and "contraction" in names.pop()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_large_ones_spill_nothing(dtype):
    payload, _ = convolution((8, 64, 58, 58), (64, 64, 3, 3), dtype)
    report = build(payload, Request(target="nvidia:sm_80")).artifact.metadata[REPORT]
    (needs,) = report.values()
    assert (needs["spill_stores"], needs["spill_loads"]) == (0, 0)
