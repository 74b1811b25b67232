"""Descriptors of matrices in shared memory, which wgmma takes as 64-bit operands.

Source: PTX ISA 9.0, 9.7.15.5.1.2.2 (matrix descriptor format) and 9.7.15.5.1.2.1 (what the two
strides mean in each layout, and the canonical layouts that ``offset`` computes).
"""

from __future__ import annotations

from dataclasses import dataclass

from pharos.targets.nvidia.meanings.swizzles import Swizzle

FIELD = 0x3FFF
PIECE = 16
GROUP = 8
# The descriptor numbers the spans the other way round than cuTensorMap does.
MODES = {Swizzle.NONE: 0, Swizzle.B128: 1, Swizzle.B64: 2, Swizzle.B32: 3}
SWIZZLES = {mode: swizzle for swizzle, mode in MODES.items()}


@dataclass(frozen=True)
class MatrixDescriptor:
    """A matrix in shared memory.

    ``start``, ``leading`` and ``stride`` are in bytes and multiples of 16 below 256 KiB; ``start``
    is an address in shared memory. ``base`` is the pattern's offset in rows of 128 bytes where it
    does not begin at a multiple of the swizzle's period.
    """

    start: int
    leading: int
    stride: int
    swizzle: Swizzle
    base: int = 0

    def encode(self) -> int:
        for name in ("start", "leading", "stride"):
            value = getattr(self, name)
            if value % PIECE or not 0 <= value < 1 << 18:
                raise ValueError(f"{name} must be a multiple of 16 below 262144, got {value}")
        fields = ((self.start, 0), (self.leading, 16), (self.stride, 32))
        word = sum((value >> 4 & FIELD) << shift for value, shift in fields)
        return word | (self.base & 7) << 49 | MODES[self.swizzle] << 62

    @staticmethod
    def decode(word: int) -> MatrixDescriptor:
        start, leading, stride = ((word >> shift & FIELD) << 4 for shift in (0, 16, 32))
        return MatrixDescriptor(start, leading, stride, SWIZZLES[word >> 62 & 3], word >> 49 & 7)

    def address(self, row: int, k: int, element_bytes: int, k_major: bool) -> int:
        """The address of element ``k`` of row (or column, for B) ``row``."""
        offset = self.k_major if k_major else self.mn_major
        return self.swizzle.apply(self.start + offset(row, k, element_bytes))

    def k_major(self, row: int, k: int, element_bytes: int) -> int:
        """((8,m),(T,2k)):((span,stride),(1,leading or T)), in bytes."""
        inside = row % GROUP * self.swizzle.span + row // GROUP * self.stride
        if self.swizzle:
            return inside + k * element_bytes
        pieces, rest = divmod(k * element_bytes, PIECE)
        return inside + pieces * self.leading + rest

    def mn_major(self, row: int, k: int, element_bytes: int) -> int:
        """((T,span/16,m),(8,k)):((1,T,leading),(span,stride)); unswizzled the two change places."""
        span = self.swizzle.span
        spans, rest = divmod(row * element_bytes, span)
        along, groups = (self.leading, self.stride) if self.swizzle else (self.stride, self.leading)
        return rest + spans * along + k % GROUP * span + k // GROUP * groups
