"""The simulator's own memory: shared memory at low addresses, stacks with guards between."""

from __future__ import annotations

import ctypes
import mmap
from functools import cache

from pharos.core.errors import InternalError

PAGE = mmap.PAGESIZE
# Shared memory begins at a multiple of this and is this large at most, so that 18 bits of an
# address say where in it something lies (matrix descriptors have no more), and its addresses
# have 32 bits, as kernels expect that convert them to integers.
SHARED_BYTES = 1 << 18
_LOW = 0x1000_0000
_HIGH = 0x7000_0000
_NONE, _READ_WRITE = 0, 3
# The arrays that the runtime takes from, in bytes: see groups.ll and effects.ll.
_POOLS = {"simt.records": 1025 * (64 + 32768), "simt.effects": 32768 * 256}
_PRIVATE, _ANONYMOUS, _NO_RESERVE, _NO_REPLACE = 0x02, 0x20, 0x4000, 0x100000


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
    ]  # fmt: skip
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return libc


def _map(address: int | None, size: int, protection: int, flags: int = 0) -> int | None:
    kind = _PRIVATE | _ANONYMOUS | _NO_RESERVE | flags
    found = _libc().mmap(address, size, protection, kind, -1, 0)
    return None if found in (None, ctypes.c_void_p(-1).value) else found


@cache
def shared_arena(worker: int) -> int:
    """The address of the shared memory of one worker; it stays mapped."""
    for address in range(_LOW, _HIGH, 4 * SHARED_BYTES):
        found = _map(address, SHARED_BYTES, _READ_WRITE, _NO_REPLACE)
        if found == address:
            return address
        if found is not None:
            _libc().munmap(found, SHARED_BYTES)
    raise InternalError(f"no room for shared memory of worker {worker} below 2 GiB")


@cache
def worker_pools(worker: int) -> dict[str, int]:
    """Where the runtime's pools of one worker are, by name. All kernels use them one after
    another and find nothing in them; what none has used takes no memory."""
    address = _map(None, sum(_POOLS.values()), _READ_WRITE)
    if address is None:
        raise InternalError(f"no memory for the pools of worker {worker}")
    found = {}
    for name, size in _POOLS.items():
        found[name] = address
        address += size
    return found


class Stacks:
    """Stacks of one size for the threads of a block; a page without access lies below each."""

    def __init__(self, count: int, size: int) -> None:
        self.count = count
        self.size = size
        self.stride = -(-size // PAGE) * PAGE + PAGE
        address = _map(None, count * self.stride + PAGE, _READ_WRITE)
        if address is None:
            raise InternalError(f"no memory for {count} stacks of {size} bytes")
        self.address = address
        for number in range(count + 1):
            if _libc().mprotect(address + number * self.stride, PAGE, _NONE):
                raise InternalError("cannot protect the page below a stack")

    def close(self) -> None:
        """Gives the memory back."""
        _libc().munmap(self.address, self.count * self.stride + PAGE)

    def owner(self, address: int) -> int | None:
        """The thread whose guard page has this address, None for other addresses."""
        number, offset = divmod(address - self.address, self.stride)
        return number if 0 <= number < self.count and offset < PAGE else None


_stacks: dict[int, Stacks] = {}


def worker_stacks(worker: int, threads: int, size: int) -> Stacks:
    """The stacks of one worker, which all kernels use one after another.

    Each stack is several mappings of the process, of which there are only some ten thousand: they
    are kept, and made anew only for more threads or a larger size.
    """
    found = _stacks.get(worker)
    if found is not None and found.count >= threads and found.size >= size:
        return found
    if found is not None:
        threads, size = max(threads, found.count), max(size, found.size)
        found.close()
    _stacks[worker] = Stacks(threads, size)
    return _stacks[worker]
