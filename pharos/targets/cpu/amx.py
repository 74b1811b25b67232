"""The kernel's permission to use AMX, which Linux gives to a process on request."""

from __future__ import annotations

import ctypes
import functools

from pharos.core.errors import UserError

# arch_prctl's request for permission to use extended state, and the state of AMX's tiles
# (Linux, Documentation/arch/x86/xstate.rst). 158 is arch_prctl on x86-64.
_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA = 158, 0x1023, 18


@functools.cache
def granted() -> bool:
    """Ask for AMX in this process and the threads it starts. Only where the CPU has AMX."""
    return request(ctypes.CDLL(None, use_errno=True)) == 0


def request(libc: ctypes.CDLL) -> int:
    """The system call's answer: 0 for yes, else an error number."""
    if libc.syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA) == 0:
        return 0
    return ctypes.get_errno() or -1


def refusal() -> UserError:
    """What to tell when the kernel said no."""
    return UserError(
        "this CPU has AMX, and the kernel does not let this process use it",
        hint="Linux 5.16 or later is needed; a sandbox may forbid it",
    )
