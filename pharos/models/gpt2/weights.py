"""Weights as the CPU's forward pass takes them: f32, bf16, or 8-bit integers with scales."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from pharos.ingress.checkpoints import Checkpoint
from pharos.models.gpt2.host_payload import SCALED

DTYPES = {"f32": np.dtype(np.float32), "bf16": np.dtype(ml_dtypes.bfloat16)}
_LARGEST = 127
_ROWS = 256  # quantised at once, so that they stay in cache from step to step


def stored_weights(checkpoint: Checkpoint, dtype: str) -> tuple[list[Any], list[Any]]:
    """The tensors of ``checkpoint`` in its order, and the scales of those that have them.

    With "f32" and "bf16" all are of that type; those that are already stay mapped. With "int8"
    those that ``SCALED`` names are ``quantised``, and the others f32.
    """
    if dtype in DTYPES:
        return [_stored(array, DTYPES[dtype]) for array in checkpoint.tensors.values()], []
    weights, scales = dict(checkpoint.tensors), []
    for name, array in weights.items():
        if name not in SCALED:
            weights[name] = _stored(array, DTYPES["f32"])
    for name in SCALED:
        weights[name], scale = quantised(weights[name])
        scales.append(scale)
    return list(weights.values()), scales


def quantised(array: Any) -> tuple[Any, Any]:
    """``array`` (..., n) as int8, and float32 scales (...): times its scale, a row is ``array``'s.

    It is rounded to the nearest. The largest magnitude of a row becomes 127; the scale of a row of
    zeros is 0.
    """
    rows = array.reshape(-1, array.shape[-1])
    small = np.empty(rows.shape, np.int8)
    scales = np.empty(len(rows), np.float32)
    for at in range(0, len(rows), _ROWS):
        part = rows[at : at + _ROWS].astype(np.float32)
        scale = np.abs(part).max(axis=1) / np.float32(_LARGEST)
        scales[at : at + _ROWS] = scale
        part *= np.where(scale > 0, 1 / np.where(scale > 0, scale, 1), 0)[:, None]
        small[at : at + _ROWS] = np.rint(part, out=part)
    return small.reshape(array.shape), scales.reshape(array.shape[:-1])


def _stored(array: Any, dtype: Any) -> Any:
    """``array`` itself when it has the type already, so that a mapped file stays mapped."""
    return array if array.dtype == dtype else array.astype(dtype)
