"""Memory of a simulated device: apart from the host's arrays, each allocation on its own.

Of every byte it is known whether somebody wrote it.
"""

from __future__ import annotations

import bisect
import ctypes
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from pharos.core.errors import InternalError
from pharos.targets.common.gpu.host.driver import Place

ALIGNMENT = 256  # bytes; what cudaMalloc and hipMalloc promise at least
# Half precision, single, double and bf16 read this as NaN; integers as an unlikely number.
POISON = 0xFF
_WRITTEN = 0xFF


@dataclass(frozen=True)
class Region:
    """``size`` bytes of device memory at ``address``, which ``storage`` keeps alive.

    ``writable`` tells whether a kernel may store to it. ``written`` says of every byte whether
    somebody wrote it (255) or not (0); None when all of it holds something.
    """

    name: str
    address: int
    size: int
    storage: Any
    writable: bool = True
    written: np.ndarray[Any, Any] | None = None


def region(name: str, size: int, data: bytes | None = None, *, writable: bool = True) -> Region:
    """New memory of ``size`` bytes that holds ``data``, or poison that nobody wrote."""
    raw = np.full(size + ALIGNMENT, POISON, np.uint8)
    skip = -raw.ctypes.data % ALIGNMENT
    storage = raw[skip : skip + size]
    if data is not None:
        storage[:] = np.frombuffer(data, np.uint8)
    written = np.zeros(size, np.uint8) if data is None else None
    return Region(name, raw.ctypes.data + skip, size, storage, writable, written)


class DeviceMemory:
    """All allocations, by address. Every use outside of them is an InternalError: the host's side
    of the device, not a kernel, would be wrong."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._regions: dict[int, Region] = {}
        self._users: dict[int, int] = {}

    def allocate(self, size: int) -> int:
        """The address of new memory that nobody wrote."""
        return self._add(region("memory", size))

    def adopt(self, address: int, size: int) -> int:
        """Memory of the host, all of which was written, as if it had been allocated. May be done
        again before it is freed as often."""
        known = self._regions.get(address)
        if known is not None and known.written is None and known.size >= size:
            self._users[address] = self._users.get(address, 1) + 1
            return address
        return self._add(Region("memory of the host", address, size, None))

    def _add(self, new: Region) -> int:
        if new.address in self._regions:
            raise InternalError(f"there is memory at {new.address:#x} already")
        self._regions[new.address] = new
        self._sort()
        return new.address

    def free(self, address: int) -> None:
        """Forget an allocation. InternalError for one that there is not."""
        if address not in self._regions:
            raise InternalError(f"no memory was allocated at {address:#x}, or it was freed before")
        if self._users.get(address, 1) > 1:
            self._users[address] -= 1
            return
        del self._regions[address]
        self._users.pop(address, None)
        self._sort()

    def _sort(self) -> None:
        # Buffers are freed whenever the garbage collector runs, also in the middle of what follows
        # here: the list is replaced, never changed, and may for a moment know too much.
        self._starts = sorted(list(self._regions))  # noqa: C414

    @property
    def count(self) -> int:
        """How many allocations there are."""
        return len(self._regions)

    def region(self, place: Place) -> Region:
        """What a kernel may do in ``place``."""
        if not place.size:
            return Region(place.name, place.address, 0, None, place.writable)
        known = self._known(place.address, place.size)
        if known is not None and known.all():
            known = None
        return Region(place.name, place.address, place.size, None, place.writable, known)

    def write(self, target: int, source: int, size: int) -> None:
        """Copy from the host."""
        known = self._known(target, size)
        ctypes.memmove(target, source, size)
        if known is not None:
            known[:] = _WRITTEN

    def read(self, target: int, source: int, size: int) -> None:
        """Copy to the host."""
        self._known(source, size)
        ctypes.memmove(target, source, size)

    def move(self, target: int, source: int, size: int) -> None:
        """Copy, with what is known of each byte."""
        there, here = self._known(target, size), self._known(source, size)
        ctypes.memmove(target, source, size)
        if there is not None:
            there[:] = _WRITTEN if here is None else here

    def put(self, target: int, raw: bytes) -> None:
        """Write these bytes."""
        known = self._known(target, len(raw))
        ctypes.memmove(target, raw, len(raw))
        if known is not None:
            known[:] = _WRITTEN

    def forget(self, address: int, size: int) -> None:
        """Poison memory, and take it as not written."""
        known = self._known(address, size)
        if known is not None:
            ctypes.memset(address, POISON, size)
            known[:] = 0

    def holds(self, address: int, size: int) -> bool:
        """Whether these bytes are in an allocation."""
        found = self._at(address)
        return found is not None and address + size <= found.address + found.size

    def trust(self, address: int, size: int) -> None:
        """Take all of it as written."""
        known = self._known(address, size)
        if known is not None:
            known[:] = _WRITTEN

    def _known(self, address: int, size: int) -> np.ndarray[Any, Any] | None:
        """Of the bytes at ``address`` which are written; None when all are."""
        found = self._at(address)
        if found is None or address + size > found.address + found.size:
            raise InternalError(f"{size} bytes at {address:#x} are not all in device memory")
        if found.written is None:
            return None
        start = address - found.address
        return found.written[start : start + size]

    def _at(self, address: int) -> Region | None:
        """The allocation that begins at ``address`` or before it."""
        starts = self._starts
        for at in range(bisect.bisect_right(starts, address) - 1, -1, -1):
            found = self._regions.get(starts[at])
            if found is not None:
                return found
        return None


@functools.cache
def memory_of(device: str) -> DeviceMemory:
    """The memory of the simulated device of that name: all that are opened in a process share it,
    as they would share a real one."""
    return DeviceMemory()
