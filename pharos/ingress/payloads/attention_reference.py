"""Inputs and the result of an attention payload in float64, and how far code may be from it."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from pharos.ingress.payloads.attention import Attention

_DTYPES: dict[str, Any] = {
    "f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": ml_dtypes.bfloat16,
}  # fmt: skip
# Half a unit in the last place of 1.
_ROUNDING = {"f64": 2.0**-53, "f32": 2.0**-24, "f16": 2.0**-11, "bf16": 2.0**-8}


def inputs(attention: Attention, seed: int = 0, magnitude: float = 1.0) -> list[np.ndarray]:
    """The arguments in order: normal numbers, queries times ``magnitude``; the first row of a
    boolean mask is false everywhere, the other rows see about two thirds of the keys."""
    made = np.random.default_rng(seed)
    one, keys = attention, attention.keys or attention.queries
    groups = one.kv_heads or one.heads
    kind = _DTYPES[one.dtype]
    wide = np.float64 if one.dtype == "f64" else np.float32
    found = [
        made.standard_normal((one.batch, one.heads, one.queries, one.depth)) * magnitude,
        made.standard_normal((one.batch, groups, keys, one.depth)),
        made.standard_normal((one.batch, groups, keys, one.value_depth or one.depth)),
    ]
    arrays = [array.astype(kind) for array in found]
    if one.mask == "additive":
        arrays.append(made.standard_normal((one.queries, keys)).astype(wide))
    if one.mask == "boolean":
        mask = made.random((one.queries, keys)) < 2 / 3
        mask[0] = False
        arrays.append(mask)
    if one.alibi:
        slopes = 2.0 ** (-8.0 * np.arange(1, one.heads + 1) / one.heads)
        arrays.append(slopes.astype(wide))
    return arrays


def expected(attention: Attention, arrays: list[np.ndarray]) -> np.ndarray:
    """The result in float64, batch x heads x queries x value depth."""
    scores = _scores(attention, arrays)
    with np.errstate(invalid="ignore"):
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
    if attention.empty == "zero":
        weights[np.isneginf(scores).all(axis=-1)] = 0
    values = np.repeat(arrays[2].astype(np.float64), _shared(attention), axis=1)
    found: np.ndarray = weights @ values
    return found


def bound(attention: Attention, arrays: list[np.ndarray]) -> float:
    """How far an element may be from ``expected``.

    A score is a sum of ``depth`` products in f32: it may be wrong by its terms times a few
    roundings, its weight by the same factor. Weights and result are rounded to the stored type.
    """
    wide = "f64" if attention.dtype == "f64" else "f32"
    q, k, v = (array.astype(np.float64) for array in arrays[:3])
    largest = np.abs(q).max() * np.abs(k).max() * attention.depth * _scale(attention)
    keys = k.shape[-2]
    rounding = 4 * _ROUNDING[wide] * (2 * largest + math.sqrt(keys) + 16)
    stored = 3 * _ROUNDING[attention.dtype]
    return float(np.abs(v).max() * (rounding + stored))


def _scores(attention: Attention, arrays: list[np.ndarray]) -> np.ndarray:
    q, k, _, *rest = (array if array.dtype == bool else array.astype(np.float64)
                      for array in arrays)  # fmt: skip
    k = np.repeat(k, _shared(attention), axis=1)
    scores = q @ k.swapaxes(-1, -2) * _scale(attention)
    queries, keys = scores.shape[-2:]
    # By how much a key lies behind the last that the query sees.
    behind = np.arange(keys)[None, :] - np.arange(queries)[:, None] - (keys - queries)
    mask = rest.pop(0) if attention.mask != "none" else None
    if attention.alibi:
        scores = scores + rest.pop(0)[:, None, None] * behind
    if attention.mask == "additive":
        scores = scores + mask
    elif attention.mask == "boolean":
        scores = np.where(np.asarray(mask), scores, -np.inf)
    if attention.causal:
        first = -attention.window if attention.window else -keys - queries
        scores = np.where((behind <= 0) & (behind > first), scores, -np.inf)
    return np.asarray(scores)


def _scale(attention: Attention) -> float:
    return attention.scale or 1 / math.sqrt(attention.depth)


def _shared(attention: Attention) -> int:
    return attention.heads // (attention.kv_heads or attention.heads)
