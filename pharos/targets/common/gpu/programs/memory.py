"""What of a program's memory a device may use, and where it lies there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pharos.core.errors import UserError
from pharos.core.span import Span


@dataclass(frozen=True)
class Block:
    """``size`` bytes at ``start``, an address of the device alone, or of the host (``on_host``).

    ``allocated`` by the program on the device, else registered. ``span`` is where.
    """

    start: int
    size: int
    on_host: bool
    allocated: bool
    span: Span | None

    @property
    def name(self) -> str:
        """What messages call it."""
        how = "allocated" if self.allocated else "registered"
        return f"the memory {how} at {self.span}" if self.span else f"{how} memory"

    def holds(self, address: int, size: int = 1) -> bool:
        """Whether the bytes at ``address``, as the program knows it, are all in here."""
        return self.start <= address and address + size <= self.start + self.size


class Blocks:
    """All blocks of a program."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []

    def __iter__(self) -> Iterator[Block]:
        return iter(self._blocks)

    def add(self, block: Block) -> None:
        """From now on kernels may use it."""
        self._blocks.append(block)

    def remove(self, block: Block) -> None:
        """From now on they may not."""
        self._blocks.remove(block)

    def at(self, address: int) -> Block | None:
        """The block with this byte, by the address that the program knows."""
        return next((one for one in self._blocks if one.holds(address)), None)

    def starting(self, address: int, allocated: bool) -> Block | None:
        """The block that begins there and was made so."""
        return next(
            (o for o in self._blocks if (o.start, o.allocated) == (address, allocated)), None
        )

    def overlapping(self, start: int, size: int) -> list[Block]:
        """Registered blocks that share a byte with these."""
        return [
            one
            for one in self._blocks
            if not one.allocated and one.start < start + size and start < one.start + one.size
        ]

    def device_block(self, address: int, size: int, span: Span | None) -> Block | None:
        """The block on the device alone that holds these bytes; None when the host reaches them.

        UserError for bytes that leave their block.
        """
        block = self.at(address)
        if block is None or block.on_host:
            return None
        if not block.holds(address, size):
            raise UserError(
                f"{size} bytes are copied at byte {address - block.start} of {block.name}, which "
                f"has {block.size} bytes",
                span=span,
            )
        return block
