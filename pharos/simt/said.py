"""What a kernel says while it runs: words that meanings hand out (``Writer.say``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

_HEADER = 3  # block, thread, count
_WORD = 8


@dataclass(frozen=True)
class Words:
    """64-bit words of one time: said by ``thread`` (its number in the block) of ``block``."""

    block: int
    thread: int
    words: tuple[int, ...]


@dataclass
class Said:
    """All that a run said, block after block, each in the order in which it came about.

    A run fills it in, also one that stops. ``bytes`` is the room of each processor; ``missed``
    found none.
    """

    bytes: int = 1 << 20
    words: list[Words] = field(default_factory=list)
    missed: int = 0

    def buffers(self, count: int) -> list[np.ndarray]:
        """Room for ``count`` processors."""
        return [np.zeros(self.bytes // _WORD, np.int64) for _ in range(count)]

    def read(self, buffers: Sequence[np.ndarray]) -> None:
        """What the runtime wrote (`simt.say`) into each of the buffers, cut to what is used."""
        found = [one for buffer in buffers for one in _records(buffer)]
        self.words += sorted(found, key=lambda one: one.block)


def _records(buffer: np.ndarray) -> list[Words]:
    found, at = [], 0
    while at < len(buffer):
        block, thread, count = (int(word) for word in buffer[at : at + _HEADER])
        at += _HEADER
        found.append(Words(block, thread, tuple(int(w) for w in buffer[at : at + count])))
        at += count
    return found
