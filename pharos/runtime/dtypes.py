"""Element types: MLIR's names and numpy's, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pharos.core.errors import UserError, nearest

try:
    import ml_dtypes

    BF16 = np.dtype(ml_dtypes.bfloat16)
except ImportError:  # where only the launcher is: two bytes of anything, as numpy saves bf16
    BF16 = np.dtype("V2")

# What an array of each element type is in numpy. ``index`` is 64 bits wide on every target.
NUMPY: Mapping[str, np.dtype] = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": BF16,
    "i64": np.dtype(np.int64),
    "i32": np.dtype(np.int32),
    "i16": np.dtype(np.int16),
    "i8": np.dtype(np.int8),
    "i1": np.dtype(np.bool_),
    "index": np.dtype(np.int64),
}

# MLIR's integers have no sign of their own, so an unsigned array of the width is as good.
_UNSIGNED: Mapping[str, np.dtype] = {
    "i64": np.dtype(np.uint64),
    "i32": np.dtype(np.uint32),
    "i16": np.dtype(np.uint16),
    "i8": np.dtype(np.uint8),
    "index": np.dtype(np.uint64),
}

# Of two element types with one numpy type (i64 and index) the first is its name.
_NAMES: dict[np.dtype, str] = {}
for _table in (NUMPY, _UNSIGNED):
    for _name, _dtype in _table.items():
        _NAMES.setdefault(_dtype, _name)

FLOATS = frozenset({"f64", "f32", "f16", "bf16"})


def numpy_dtype(name: str) -> np.dtype:
    """The numpy type of arrays whose element type is ``name`` ("f32", "bf16", "index", ...)."""
    dtype = NUMPY.get(name)
    if dtype is None:
        raise UserError(
            f"unknown element type '{name}'; known: {', '.join(NUMPY)}", hint=nearest(name, NUMPY)
        )
    return dtype


def name_of(dtype: np.dtype) -> str | None:
    """The element type that a numpy array of ``dtype`` holds, or None when there is none."""
    return _NAMES.get(np.dtype(dtype))


def accepts(name: str, dtype: np.dtype) -> bool:
    """Whether an array of ``dtype`` may stand where the element type ``name`` is expected."""
    # Not .get(name) alone: numpy finds float64 equal to None.
    return dtype in (NUMPY[name], _UNSIGNED.get(name, NUMPY[name]))


def as_bf16(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An f32 array rounded to bf16, to nearest even."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    near = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    quiet = (bits >> 16).astype(np.uint16) | np.uint16(0x40)
    found = np.where(np.isnan(bits.view(np.float32)), quiet, near).view(BF16)
    return found.reshape(np.shape(array))


def from_bf16(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A bf16 array as f32."""
    bits = np.ascontiguousarray(array).view(np.uint16).astype(np.uint32) << 16
    return bits.view(np.float32).reshape(np.shape(array))
