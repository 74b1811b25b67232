"""Checked arguments as numpy sees them."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from pharos.runtime import device
from pharos.runtime.dtypes import numpy_dtype


def host_array(taken: Any) -> np.ndarray[Any, Any]:
    """An array of the host that was borrowed by DLPack, as long as it is not given back."""
    return seen(device.Memory(taken.address, taken.shape, taken.strides, taken), taken.dtype)


def seen(memory: device.Memory, dtype: str) -> np.ndarray[Any, Any]:
    """The elements that a checked argument of the host names."""
    kind = numpy_dtype(dtype)
    if not all(memory.shape):
        return np.empty(memory.shape, kind)
    extent = 1 + sum((n - 1) * s for n, s in zip(memory.shape, memory.strides, strict=True))
    raw: Any = (ctypes.c_char * (extent * kind.itemsize)).from_address(memory.address)
    steps = tuple(step * kind.itemsize for step in memory.strides)
    return np.ndarray(memory.shape, kind, raw, 0, steps)
