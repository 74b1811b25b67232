"""Memory as the host function names it: which buffer, where in it, with which strides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pharos.core.artifact import DTYPE_BYTES
from pharos.targets.common.gpu.launches import Pointer


@dataclass(frozen=True)
class View:
    """A memref: ``base`` bytes into ``buffer`` lies its aligned pointer, from which ``offset`` and
    ``strides`` count elements of ``dtype``."""

    buffer: int
    base: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return DTYPE_BYTES[self.dtype]

    def aligned(self) -> Pointer:
        """What a kernel is passed: its own type says the offset."""
        return Pointer(self.buffer, self.base)

    def first(self) -> Pointer:
        """Where the first element is."""
        return Pointer(self.buffer, self.base + self.offset * self.size)

    def element(self, indices: Sequence[int]) -> Pointer:
        """Where the element at ``indices`` is."""
        steps = sum(i * s for i, s in zip(indices, self.strides, strict=True))
        return Pointer(self.buffer, self.base + (self.offset + steps) * self.size)

    @property
    def dense(self) -> bool:
        """Whether the elements are row-major without gaps."""
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1 and stride != step:
                return False
            step *= size
        return True

    def subview(self, offsets: Sequence[int], sizes: Sequence[int], steps: Sequence[int]) -> View:
        """Part of it, of the same rank."""
        moved = sum(o * s for o, s in zip(offsets, self.strides, strict=True))
        strides = tuple(a * b for a, b in zip(self.strides, steps, strict=True))
        return replace(self, offset=self.offset + moved, shape=tuple(sizes), strides=strides)

    def retyped(
        self, shape: Sequence[int], strides: Sequence[int], offset: int | None = None
    ) -> View:
        """The same memory with another shape."""
        where = self.offset if offset is None else offset
        return replace(self, offset=where, shape=tuple(shape), strides=tuple(strides))
