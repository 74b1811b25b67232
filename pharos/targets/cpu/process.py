"""What a process needs done once before compiled code runs well in it."""

from __future__ import annotations

import ctypes
import functools

from pharos.targets.cpu import facts

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_HEAP_BLOCK = 1 << 30


@functools.cache
def prepare() -> None:
    """Open the CPU for compiled code: the heap's thresholds, and AMX where there is AMX."""
    keep_large_blocks()
    facts.host()  # asks the kernel for AMX, which code from the cache may use


def keep_large_blocks() -> bool:
    """Let malloc reuse big blocks instead of mapping fresh pages each time (glibc only).

    Compiled code allocates its large temporaries on every call. Above 128 KiB glibc would map
    them anew, and the page faults cost a 1024^3 matrix product a seventh of its speed. The
    setting holds for the whole process, so whatever is measured beside us profits as well.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    done = libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_HEAP_BLOCK)
    return bool(done and libc.mallopt(_M_TRIM_THRESHOLD, _LARGEST_HEAP_BLOCK))
