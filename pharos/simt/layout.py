"""Where the variables of a kernel lie in shared memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pharos.simt.kernel import SharedArray


@dataclass(frozen=True)
class SharedLayout:
    """``offsets`` by name; ``size`` bytes are static; dynamic memory starts at ``dynamic``."""

    offsets: dict[str, int]
    size: int
    dynamic: int

    def with_dynamic(self, bytes: int) -> int:
        """All bytes of a block whose launch adds this many."""
        return self.dynamic + bytes if bytes else self.size


def shared_layout(arrays: Sequence[SharedArray]) -> SharedLayout:
    """Static arrays one after another, the strictest alignment first, then the dynamic ones.

    All dynamic arrays begin at the same place, as they do on a device.
    """
    offsets: dict[str, int] = {}
    end = 0
    for array in sorted((a for a in arrays if a.size), key=lambda a: -a.alignment):
        end = _up(end, array.alignment)
        offsets[array.name] = end
        end += array.size
    dynamic = [a for a in arrays if not a.size]
    start = _up(end, max((a.alignment for a in dynamic), default=16))
    offsets |= {array.name: start for array in dynamic}
    return SharedLayout(offsets, end, start)


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
