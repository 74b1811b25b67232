"""Tensors for results, in the memory of earlier results that nobody holds any more.

New memory of some megabytes is often paged in by the kernel, which takes as long as reading and
writing it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

# Bytes of memory worth keeping, and the most to keep in all.
_LEAST, _MOST = 1 << 16, 64 << 20
_count: Callable[[int], int] | None = getattr(torch._C, "_storage_Use_Count", None)


class Outputs:
    """Makes tensors of one caller. Any number of threads may ask."""

    def __init__(self) -> None:
        self._kept: list[Any] = []  # append and pop are atomic

    def tensor(self, shape: list[int], dtype: torch.dtype) -> torch.Tensor:
        """A row-major tensor, its elements undefined, whose memory no other tensor has."""
        size = math.prod(shape) * dtype.itemsize
        if _count is None or not _LEAST <= size <= _MOST:
            return torch.empty(shape, dtype=dtype)
        storage = self._unused(size)
        if storage is None:
            made = torch.empty(shape, dtype=dtype)
            storage = made.untyped_storage()
        else:
            made = torch.empty(0, dtype=dtype).set_(storage, 0, shape)
        self._kept.append(storage)
        return made

    def _unused(self, size: int) -> Any:
        """Kept memory of ``size`` bytes that only we hold; what is too much is let go."""
        found, total = None, size
        for _ in range(len(self._kept)):
            try:
                storage = self._kept.pop(0)
            except IndexError:  # another thread has it
                break
            if found is None and storage.nbytes() == size and _is_ours(storage):
                found = storage
            elif total + storage.nbytes() <= _MOST:
                total += storage.nbytes()
                self._kept.append(storage)
        return found


def _is_ours(storage: Any) -> bool:
    """Whether nobody but the caller holds ``storage``."""
    return _count is not None and _count(storage._cdata) == 1
