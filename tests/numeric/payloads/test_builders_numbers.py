"""What the builders' payloads compute, on the CPU, against numpy."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pharos import toolchain

DTYPES = {
    "f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": ml_dtypes.bfloat16,
    "i8": np.int8, "i32": np.int32,
}  # fmt: skip
TOLERANCE = {"f64": 1e-10, "f32": 2e-5, "f16": 5e-3, "bf16": 3e-2, "i8": 0, "i32": 0}
rng = np.random.default_rng(7)


def random(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    if dtype.startswith("i"):
        return rng.integers(-9, 10, shape).astype(DTYPES[dtype])
    return rng.standard_normal(shape).astype(DTYPES[dtype])


def computed(name: str, inputs: list[np.ndarray], **options: Any) -> np.ndarray:
    """What the payload gives, in f64."""
    artifact = toolchain.compile(toolchain.builder_payload(name, **options))
    result = toolchain.load(artifact).call(name.replace("-", "_"), *inputs)
    return np.asarray(result).astype(np.float64)


def wide(*values: np.ndarray) -> list[np.ndarray]:
    return [value.astype(np.float64) for value in values]


def check(found: np.ndarray, expected: np.ndarray, dtype: str) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * 4)


ACTIVATIONS = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "gelu": lambda x: 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
}
SLOW = pytest.mark.slow
M, N, K = 12, 20, 24


def matmul(**options: Any) -> None:
    dtype, batch = options.get("dtype", "f32"), options.get("batch", 0)
    head = (batch,) if batch else ()
    a, b = random((*head, M, K), dtype), random((*head, K, N), dtype)
    sums = {"f16": "f32", "bf16": "f32", "i8": "i32"}.get(dtype, dtype)
    expected = np.matmul(*wide(a, b))
    inputs = [a, b]
    if options.get("transpose_a"):
        inputs[0] = np.ascontiguousarray(np.swapaxes(a, -1, -2))
    if options.get("transpose_b"):
        inputs[1] = np.ascontiguousarray(np.swapaxes(b, -1, -2))
    tiles = options.get("tiles")
    if tiles:
        inputs = [blocked(a, tiles[0], tiles[2]), right(b, tiles, options.get("vnni", 0))]
    if options.get("bias"):
        bias = random((N,), sums)
        inputs.append(bias.reshape(-1, tiles[1]) if tiles else bias)
        expected += wide(bias)[0]
    if options.get("accumulate"):
        start = random(expected.shape, sums)
        inputs.append(blocked(start, *tiles[:2]) if tiles else start)
        expected += wide(start)[0]
    expected = ACTIVATIONS[options.get("activation", "none")](expected)
    if tiles:
        expected = blocked(expected, *tiles[:2])
    check(
        computed("matmul", inputs, m=M, n=N, k=K, **options), expected, options.get("result", dtype)
    )


def blocked(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    m, n = x.shape
    tiles = x.reshape(m // rows, rows, n // columns, columns).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(tiles)


def right(b: np.ndarray, tiles: tuple[int, ...], vnni: int) -> np.ndarray:
    """B as N/n x K/k x k x n, or with groups of k innermost."""
    made = np.ascontiguousarray(blocked(b, tiles[2], tiles[1]).transpose(1, 0, 2, 3))
    if not vnni:
        return made
    *outer, k, n = made.shape
    return np.ascontiguousarray(made.reshape(*outer, k // vnni, vnni, n).swapaxes(-1, -2))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, marks=SLOW),
        {"transpose_a": True, "transpose_b": True, "bias": True, "activation": "relu"},
        pytest.param(
            {"form": "category", "transpose_b": True, "accumulate": True, "activation": "gelu"},
            marks=SLOW,
        ),
        {"form": "generic", "batch": 3, "bias": True, "activation": "silu"},
        pytest.param({"tiles": (4, 5, 8), "bias": True}, marks=SLOW),
        {"tiles": (4, 5, 8), "vnni": 2, "dtype": "bf16", "form": "generic", "activation": "relu"},
        pytest.param({"batch": 2, "transpose_a": True, "form": "named"}, marks=SLOW),
        pytest.param({"batch": 2, "transpose_b": True, "form": "category"}, marks=SLOW),
        pytest.param({"dtype": "f64", "activation": "tanh", "form": "named"}, marks=SLOW),
        pytest.param({"dtype": "i8", "bias": True, "activation": "relu"}, marks=SLOW),
        pytest.param({"dtype": "i32", "accumulate": True, "form": "generic"}, marks=SLOW),
        pytest.param({"dtype": "bf16", "result": "bf16", "form": "named"}, marks=SLOW),
        pytest.param({"dtype": "f16", "result": "f16", "form": "generic"}, marks=SLOW),
        pytest.param({"activation": "sigmoid", "form": "category", "bias": True}, marks=SLOW),
        pytest.param({"tiles": (6, 10, 12), "form": "category", "accumulate": True}, marks=SLOW),
        pytest.param({"tiles": (6, 10, 12), "form": "generic"}, marks=SLOW),
        pytest.param(
            {"tiles": (4, 5, 8), "vnni": 4, "dtype": "i8", "form": "category"}, marks=SLOW
        ),
    ],
    ids=str,
)
def test_matmul(options):
    matmul(**options)


@pytest.mark.parametrize(
    "form", ["named", *(pytest.param(form, marks=SLOW) for form in ("category", "generic"))]
)
def test_mlp(form):
    x, v, w = random((6, 8), "f32"), random((12, 8), "f32"), random((5, 12), "f32")
    b, c = random((12,), "f32"), random((5,), "f32")
    hidden = np.maximum(wide(x)[0] @ wide(v)[0].T + b, 0)
    expected = softmax(hidden @ wide(w)[0].T + c, 1)
    options = {"transposed_weights": True, "bias": True, "softmax": True, "form": form}
    found = computed("mlp", [x, v, b, w, c], batch=6, layers=(8, 12, 5), **options)
    check(found, expected, "f32")


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    power = np.exp(x - x.max(axis=axis, keepdims=True))
    return power / power.sum(axis=axis, keepdims=True)


@pytest.mark.parametrize(
    ("form", "axis", "log", "dtype"),
    [
        ("named", 1, False, "f32"),
        pytest.param("generic", 0, True, "f32", marks=SLOW),
        pytest.param("category", -1, True, "f32", marks=SLOW),
        pytest.param("generic", 1, False, "bf16", marks=SLOW),
        pytest.param("named", 2, False, "f64", marks=SLOW),
    ],
)
def test_softmax(form, axis, log, dtype):
    # Large enough that exp alone would overflow.
    x = (random((3, 5, 7), "f64") * 40 + 80).astype(DTYPES[dtype])
    expected = softmax(wide(x)[0], axis)
    if log:
        moved = wide(x)[0] - wide(x)[0].max(axis=axis, keepdims=True)
        expected = moved - np.log(np.exp(moved).sum(axis=axis, keepdims=True))
    found = computed("softmax", [x], shape=x.shape, axis=axis, log=log, form=form, dtype=dtype)
    check(found, expected, dtype)


@pytest.mark.parametrize(
    ("name", "form", "axes", "affine"),
    [
        ("layer-norm", "named", 1, True),
        pytest.param("rms-norm", "generic", 2, True, marks=SLOW),
        pytest.param("layer-norm", "generic", 2, False, marks=SLOW),
        pytest.param("layer-norm", "category", 3, True, marks=SLOW),
        pytest.param("rms-norm", "named", 1, False, marks=SLOW),
        pytest.param("rms-norm", "category", 1, True, marks=SLOW),
    ],
)
def test_norms(name, form, axes, affine):
    x = random((3, 4, 10), "f32") * np.float32(3) + np.float32(2)
    over = tuple(range(3 - axes, 3))
    inner = x.shape[3 - axes :]
    value = wide(x)[0]
    if name == "layer-norm":
        value = value - value.mean(axis=over, keepdims=True)
    expected = value / np.sqrt((value**2).mean(axis=over, keepdims=True) + 0.25)
    inputs = [x]
    if affine:
        inputs += [random(inner, "f32") for _ in range(2 if name == "layer-norm" else 1)]
        expected = expected * inputs[1] + (inputs[2] if len(inputs) > 2 else 0)
    options = {"axes": axes, "affine": affine, "epsilon": 0.25, "form": form}
    check(computed(name, inputs, shape=x.shape, **options), expected, "f32")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"causal": True}, marks=SLOW),
        {"form": "generic", "kv_heads": 2, "mask": "additive"},
        pytest.param({"form": "category", "causal": True, "mask": "additive"}, marks=SLOW),
        pytest.param({"form": "category", "kv_heads": 1, "causal": True}, marks=SLOW),
        pytest.param({"form": "generic", "value_depth": 3, "scale": 0.3}, marks=SLOW),
        pytest.param({"form": "named", "dtype": "bf16"}, marks=SLOW),
    ],
    ids=str,
)
def test_attention(options):
    dtype, groups = options.get("dtype", "f32"), options.get("kv_heads", 4)
    q, k = random((2, 4, 5, 6), dtype), random((2, groups, 7, 6), dtype)
    v = random((2, groups, 7, options.get("value_depth", 6)), dtype)
    inputs = [q, k, v]
    wk, wv = (np.repeat(x, 4 // groups, axis=1) for x in wide(k, v))
    scores = wide(q)[0] @ wk.swapaxes(-1, -2) * options.get("scale", 1 / math.sqrt(6))
    if options.get("mask"):
        inputs.append(random((5, 7), "f32"))
        scores = scores + wide(inputs[-1])[0]
    if options.get("causal"):
        hidden = np.arange(7)[None, :] > np.arange(5)[:, None] + 2
        scores = np.where(hidden, -np.inf, scores)
    expected = softmax(scores, -1) @ wv
    found = computed("attention", inputs, batch=2, heads=4, queries=5, keys=7, depth=6, **options)
    check(found, expected, dtype)


def convolved(x: np.ndarray, w: np.ndarray, groups: int, strides, dilations, padding) -> np.ndarray:
    """Channels first, any number of dimensions."""
    rank = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    window = w.shape[2:]
    out = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], window, strides, dilations, strict=True)
    ]
    result = np.zeros((x.shape[0], w.shape[0], *out))
    c, f = x.shape[1] // groups, w.shape[0] // groups
    for place in np.ndindex(*window):
        cut = tuple(
            slice(p * d, p * d + s * (o - 1) + 1, s)
            for p, d, s, o in zip(place, dilations, strides, out, strict=True)
        )
        part, weights = x[(slice(None), slice(None), *cut)], w[(slice(None), slice(None), *place)]
        for g in range(groups):
            result[:, g * f : (g + 1) * f] += np.einsum(
                "nc...,fc->nf...", part[:, g * c : (g + 1) * c], weights[g * f : (g + 1) * f]
            )
    assert result.ndim == rank + 2
    return result


@pytest.mark.parametrize(
    "options",
    [
        {"strides": (2, 1), "padding": (1, 0), "bias": True, "activation": "relu"},
        {"groups": 2, "form": "generic", "channels_are": "last", "dilations": (1, 2)},
        pytest.param({"groups": 2, "form": "named", "bias": True}, marks=SLOW),
        pytest.param({"groups": 4, "form": "named", "padding": (1, 1)}, marks=SLOW),
        pytest.param({"groups": 4, "form": "named", "channels_are": "last"}, marks=SLOW),
        pytest.param({"channels_are": "last", "bias": True}, marks=SLOW),
        pytest.param({"size": (9,), "window": (4,), "dilations": (2,)}, marks=SLOW),
        pytest.param({"size": (5, 6, 4), "window": (2, 3, 2), "form": "generic"}, marks=SLOW),
        pytest.param({"size": (5, 6, 4), "window": (2, 3, 2), "channels_are": "last"}, marks=SLOW),
        pytest.param({"dtype": "bf16", "result": "bf16"}, marks=SLOW),
    ],
    ids=str,
)
def test_conv(options):
    options = {
        "size": (9, 8),
        "window": (3, 2),
        "channels": 4,
        "features": 4,
        "batch": 2,
        **options,
    }
    dtype, groups, rank = (
        options.get("dtype", "f32"),
        options.get("groups", 1),
        len(options["size"]),
    )
    x = random((2, 4, *options["size"]), dtype)
    w = random((4, 4 // groups, *options["window"]), dtype)
    steps = [options.get(name, (1,) * rank) for name in ("strides", "dilations")]
    expected = convolved(*wide(x, w), groups, *steps, options.get("padding", (0,) * rank))
    inputs = [x, w]
    if options.get("bias"):
        inputs.append(random((4,), "f32"))
        expected += wide(inputs[2])[0].reshape(-1, *(1,) * rank)
    expected = ACTIVATIONS[options.get("activation", "none")](expected)
    if options.get("channels_are") == "last":
        expected = np.moveaxis(expected, 1, -1)
        inputs[0] = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        inputs[1] = np.ascontiguousarray(w.transpose(*range(2, rank + 2), 1, 0))
    check(computed("conv", inputs, **options), expected, dtype)
