"""Memory of a simulated device: apart from the host's arrays, each buffer on its own."""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pharos.runtime import device
from pharos.runtime.buffer import Buffer, host_buffer
from pharos.runtime.dtypes import numpy_dtype

ALIGNMENT = 256  # bytes; what cudaMalloc and hipMalloc promise at least
# Half precision, single, double and bf16 read this as NaN; integers as an unlikely number.
POISON = 0xFF
_WRITTEN = 0xFF


@dataclass(frozen=True)
class Region:
    """``size`` bytes of device memory at ``address``, which ``storage`` keeps alive.

    ``writable`` tells whether a kernel may store to it. ``written`` says of every byte whether
    somebody wrote it (255) or not (0); None when all of it holds something.
    """

    name: str
    address: int
    size: int
    storage: Any
    writable: bool = True
    written: np.ndarray[Any, Any] | None = None

    def put(self, offset: int, data: bytes, written: np.ndarray[Any, Any] | None = None) -> None:
        """Write ``data`` at ``offset``, of which ``written`` says what somebody wrote (all)."""
        ctypes.memmove(self.address + offset, data, len(data))
        if self.written is not None:
            self.written[offset : offset + len(data)] = _WRITTEN if written is None else written

    def taken(self, offset: int, size: int) -> tuple[bytes, np.ndarray[Any, Any] | None]:
        """``size`` bytes at ``offset``, and what of them somebody wrote."""
        known = None if self.written is None else self.written[offset : offset + size].copy()
        return ctypes.string_at(self.address + offset, size), known


def region(name: str, size: int, data: bytes | None = None, *, writable: bool = True) -> Region:
    """New memory of ``size`` bytes that holds ``data``, or poison that nobody wrote."""
    raw = np.full(size + ALIGNMENT, POISON, np.uint8)
    skip = -raw.ctypes.data % ALIGNMENT
    storage = raw[skip : skip + size]
    if data is not None:
        storage[:] = np.frombuffer(data, np.uint8)
    written = np.zeros(size, np.uint8) if data is None else None
    return Region(name, raw.ctypes.data + skip, size, storage, writable, written)


def poisoned(device_name: str, shape: Any, dtype: str) -> Buffer:
    """A buffer in which nobody wrote."""
    buffer = host_buffer(device_name, shape, dtype)
    if buffer.nbytes:
        ctypes.memset(buffer.address, POISON, buffer.nbytes)
    return buffer


def brought(name: str, memory: device.Memory, dtype: str, writable: bool) -> Region:
    """The elements of a checked argument in the device's memory, row-major.

    A dense buffer of the device is used where it is.
    """
    if _is_dense(memory) and isinstance(memory.source, Buffer):
        size = math.prod(memory.shape) * numpy_dtype(dtype).itemsize
        return Region(name, memory.address, size, memory.source, writable)
    data = np.ascontiguousarray(seen(memory, dtype)).tobytes()
    return replace(region(name, len(data), data), writable=writable)


def taken_back(place: Region, memory: device.Memory, dtype: str) -> None:
    """Copy what a kernel left in ``place`` to the argument that was ``brought`` there."""
    if place.address == memory.address:
        return
    array = seen(memory, dtype)
    array[...] = np.frombuffer(place.storage, numpy_dtype(dtype)).reshape(memory.shape)


def seen(memory: device.Memory, dtype: str) -> np.ndarray[Any, Any]:
    """The elements that a checked argument names, as numpy sees them."""
    kind = numpy_dtype(dtype)
    if not all(memory.shape):
        return np.empty(memory.shape, kind)
    extent = 1 + sum((n - 1) * s for n, s in zip(memory.shape, memory.strides, strict=True))
    raw: Any = (ctypes.c_char * (extent * kind.itemsize)).from_address(memory.address)
    steps = tuple(step * kind.itemsize for step in memory.strides)
    return np.ndarray(memory.shape, kind, raw, 0, steps)


def _is_dense(memory: device.Memory) -> bool:
    step = 1
    for size, stride in zip(reversed(memory.shape), reversed(memory.strides), strict=True):
        if size != 1 and stride != step:
            return False
        step *= size
    return True
