"""What a process needs done once before compiled code runs well in it."""

from __future__ import annotations

import ctypes
import functools

from pharos.core.errors import UserError
from pharos.targets.cpu import facts

# arch_prctl's request for permission to use extended state, and the state of AMX's tiles
# (Linux, Documentation/arch/x86/xstate.rst). 158 is arch_prctl on x86-64.
_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA = 158, 0x1023, 18

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_HEAP_BLOCK = 1 << 30


@functools.cache
def prepare() -> None:
    """Open the CPU for compiled code: the heap's thresholds, and AMX where there is AMX."""
    keep_large_blocks()
    if facts.host().has_amx:
        request_amx()


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


def request_amx(libc: ctypes.CDLL | None = None) -> None:
    """Ask the kernel for the use of AMX tiles in this process and the threads it starts."""
    libc = libc or ctypes.CDLL(None, use_errno=True)
    if libc.syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA) != 0:
        raise UserError(
            f"this CPU has AMX, and the kernel does not let this process use it "
            f"(arch_prctl: errno {ctypes.get_errno()})",
            hint="Linux 5.16 or later is needed; a sandbox may forbid it",
        )
