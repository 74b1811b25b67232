"""Swizzles of shared memory: which 16-byte piece goes where, as TMA writes and wgmma reads it.

A swizzle exchanges 16-byte pieces inside rows of 32, 64 or 128 bytes by the number of the row, so
that eight pieces of one column lie in different banks. It acts on the address: bits 4.. are
combined (exclusive or) with bits 7..; which bits depends on the span.

Source: PTX ISA 9.0, 5.5.7 (swizzling modes of tensor maps) and 9.7.15.5.1.2.1.3, where the same
functions are named Swizzle<1,4,3>, Swizzle<2,4,3> and Swizzle<3,4,3>.
"""

from __future__ import annotations

from enum import IntEnum

PIECE_BITS = 4
DISTANCE = 3


class Swizzle(IntEnum):
    """The value is how many address bits are exchanged; it is also cuTensorMap's number."""

    NONE = 0
    B32 = 1
    B64 = 2
    B128 = 3

    @property
    def span(self) -> int:
        """Bytes of a row whose pieces are exchanged; 16 where nothing is."""
        return 16 << int(self)

    @property
    def period(self) -> int:
        """Bytes after which the pattern begins again, which is the alignment it needs."""
        return 8 * self.span if self else 16

    @property
    def mask(self) -> int:
        """The address bits that are changed."""
        return ((1 << int(self)) - 1) << PIECE_BITS

    def apply(self, address: int) -> int:
        """Where the byte that would lie at ``address`` lies; applying twice gives it back."""
        return address ^ (address >> DISTANCE & self.mask)
