"""The work-items of several workgroups, side by side, and the memory that they see.

A value of a kernel is one array over all work-items: a number has the shape ``(items,)``, a vector
``(items, ...)``; what is the same for all of them may have 1 in place of ``items``. All work-items
are at the same operation; ``active`` says for which of them it is done.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pharos.core.errors import UserError
from pharos.runtime.dtypes import numpy_dtype
from pharos.targets.xegpu.workgroup.memory import Array, Memory

SUBGROUP = 16
LOCAL_BYTES = 128 << 10
_POISON = 0xFF


@dataclass(frozen=True)
class Storage:
    """Bytes, and at which of them the memory of each work-item begins: ``start`` is a number, or
    an array over the work-items."""

    raw: Array
    start: Any

    def typed(self, dtype: str) -> tuple[Array, Any]:
        """All elements that fit, and the number of the one where a work-item's memory begins."""
        size = numpy_dtype(dtype).itemsize
        skip = int(np.min(self.start)) % size
        count = (self.raw.size - skip) // size
        return self.raw[skip : skip + count * size].view(numpy_dtype(dtype)), self.start // size


@dataclass(frozen=True)
class View:
    """A memref: elements of a ``storage`` from ``offset`` on (elements, maybe of each item)."""

    storage: Storage
    offset: Any
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str

    def places(self, indices: Sequence[Any], count: int | None = None) -> Array:
        """The elements at ``indices``; with ``count`` so many neighbours of each."""
        steps = zip(indices, self.strides, strict=True)
        at = np.atleast_1d(self.offset + sum((index * step for index, step in steps), 0))
        return at if count is None else at[:, None] + np.arange(count)


class Items:
    """The work-items of the workgroups ``blocks`` (x, y, z of each), ``block`` of them in each."""

    def __init__(self, blocks: Array, block: Sequence[int], regions: Sequence[Any]) -> None:
        x, y, _ = block = (*block, 1, 1)[:3]
        threads = int(np.prod(block))
        own = np.arange(threads)
        one = np.stack([own % x, own // x % y, own // (x * y)])
        self.count, self.block = len(blocks) * threads, block
        self.blocks = len(blocks)
        self.group = np.repeat(np.arange(len(blocks)), threads)
        self.block_id = np.repeat(np.asarray(blocks, np.int64), threads, axis=0).T
        self.thread = np.tile(one, (1, len(blocks))).astype(np.int64)
        self.linear = np.tile(own, len(blocks)).astype(np.int64)
        self.active = np.ones(self.count, bool)
        self._regions, self._memory = regions, Memory(regions)

    def buffer(self, address: int) -> Storage:
        """The global memory that ``address`` is in."""
        for region in self._regions:
            if region.address <= address < region.address + max(1, region.size):
                raw: Any = (ctypes.c_char * max(1, region.size)).from_address(region.address)
                return Storage(np.frombuffer(raw, np.uint8), address - region.address)
        raise UserError(f"a kernel at workgroup level is given {address:#x}, which is no buffer")

    def local(self, size: int) -> Storage:
        """Local memory of ``size`` bytes for each workgroup, poisoned."""
        size = -(-size // 16) * 16
        return Storage(np.full(self.blocks * size, _POISON, np.uint8), self.group * size)

    def private(self, size: int) -> Storage:
        """Memory of ``size`` bytes for each work-item."""
        size = -(-size // 16) * 16
        every = np.arange(self.count)
        return Storage(np.full(self.count * size, _POISON, np.uint8), every * size)

    def load(self, view: View, places: Array) -> Array:
        """The elements at ``places``; those of work-items that are not active are anything."""
        flat, at = self._elements(view, places)
        return flat[at]

    def store(self, view: View, places: Array, value: Array) -> None:
        """Write ``value`` to ``places`` for the work-items that are active."""
        flat, at = self._elements(view, places)
        shape = (self.count, *places.shape[1:])
        at, value = np.broadcast_to(at, shape), np.broadcast_to(value, shape)
        flat[at[self.active]] = value[self.active]

    def _elements(self, view: View, places: Array) -> tuple[Array, Array]:
        """All elements of a memory, and the numbers of those that active work-items mean.
        UserError for one that is not there."""
        flat, start = view.storage.typed(view.dtype)
        start = np.reshape(start, (-1,) + (1,) * (places.ndim - 1))
        at = start + places
        lost = (at < 0) | (at >= flat.size)
        if lost.any():
            lost &= self.active.reshape((-1,) + (1,) * (places.ndim - 1))
            if lost.any():
                raise UserError(
                    f"a kernel at workgroup level reaches element {at[np.nonzero(lost)][0]} of a "
                    f"buffer of {flat.size} x {view.dtype}"
                )
            at = np.clip(at, 0, flat.size - 1)
        return flat, at
