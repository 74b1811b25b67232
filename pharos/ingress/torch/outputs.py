"""Tensors for results, in the memory of earlier results that nobody holds any more.

New memory of some megabytes is often paged in by the kernel, which takes as long as reading and
writing it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

# Bytes of memory worth keeping, the most to keep while callers have let go of it, and how many
# tensors are remembered while callers have them.
_LEAST, _MOST, _MOST_HELD = 1 << 16, 64 << 20, 32
_count: Callable[[int], int] | None = getattr(torch._C, "_storage_Use_Count", None)


class _Kept:
    """Memory of ``size`` bytes: a tensor on it that no caller has, and the storage's address and
    its holders while callers have none."""

    __slots__ = ("address", "holders", "size", "tensor")

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        storage = tensor.untyped_storage()
        self.size = storage.nbytes()
        self.address = storage._cdata
        del storage
        self.holders = _count(self.address) if _count is not None else -1

    def unused(self) -> bool:
        """Whether callers have let go of it."""
        return _count is not None and _count(self.address) == self.holders

    def lent(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """A row-major tensor on this memory."""
        own = self.tensor
        if own.shape != shape or own.dtype is not dtype:
            own = torch.empty(0, dtype=dtype).set_(own.untyped_storage(), 0, tuple(shape))
            self.tensor = own
        # Of all ways to another tensor on the memory, the one that takes the fewest instructions:
        # what was computed meanwhile has driven torch's own code out of the caches.
        return own.data


class Outputs:
    """Makes tensors of one caller. Any number of threads may ask."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []  # append and pop are atomic

    def tensor(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """A row-major tensor, its elements undefined, whose memory no other tensor has."""
        size = math.prod(shape) * dtype.itemsize
        if _count is None or not _LEAST <= size <= _MOST:
            return torch.empty(shape, dtype=dtype)
        kept = self._unused(size) or _Kept(torch.empty(shape, dtype=dtype))
        made = kept.lent(shape, dtype)
        self._kept.append(kept)
        return made

    def _unused(self, size: int) -> _Kept | None:
        """Kept memory of ``size`` bytes that only we hold; what is too much is let go."""
        found, total, held = None, size, 0
        for _ in range(len(self._kept)):
            try:
                kept = self._kept.pop(0)
            except IndexError:  # another thread has it
                break
            if not kept.unused():
                held += 1
                if held <= _MOST_HELD:
                    self._kept.append(kept)
            elif found is None and kept.size == size:
                found = kept
            elif total + kept.size <= _MOST:
                total += kept.size
                self._kept.append(kept)
        return found
