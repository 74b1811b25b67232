"""Memory of a device as a kernel at workgroup level sees it: addresses in regions."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pharos.core.errors import UserError
from pharos.runtime.dtypes import numpy_dtype

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class MemRef:
    """A memref: the address of its memory, and where elements are, in elements from there."""

    address: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Descriptor:
    """What create_nd_tdesc makes: a matrix in memory, and the tile that is moved at a time."""

    address: int
    shape: tuple[int, int]
    pitch: int
    tile: tuple[int, int]
    dtype: str


class Memory:
    """All ``regions`` (with ``address`` and ``size``) that a kernel may touch."""

    def __init__(self, regions: Sequence[Any]) -> None:
        self._regions = sorted(regions, key=lambda region: region.address)

    def elements(
        self, address: int, dtype: str, shape: Sequence[int], strides: Sequence[int]
    ) -> Array:
        """A view of memory; steps count elements. UserError when it leaves its region."""
        kind = numpy_dtype(dtype)
        extent = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        size = max(0, extent) * kind.itemsize if all(shape) else 0
        self._check(address, size)
        raw: Any = (ctypes.c_char * max(1, size)).from_address(address)
        steps = tuple(step * kind.itemsize for step in strides)
        return np.ndarray(tuple(shape), kind, raw, 0, steps)

    def line(self, address: int, dtype: str, offsets: Array) -> tuple[Array, Array]:
        """The memory that ``offsets`` (elements from ``address``) lie in, and each one's place."""
        kind = numpy_dtype(dtype)
        first, last = int(offsets.min()), int(offsets.max())
        start = address + first * kind.itemsize
        view = self.elements(start, dtype, (last - first + 1,), (1,))
        return view, offsets - first

    def _check(self, address: int, size: int) -> None:
        for region in self._regions:
            if region.address <= address and address + size <= region.address + region.size:
                return
        raise UserError(
            f"a kernel at workgroup level reaches {size} bytes at {address:#x}, which are not "
            "inside one buffer"
        )
