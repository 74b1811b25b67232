"""Accesses that the processor refuses, while kernels run, are faults of the kernel.

The page below each stack has no access, so a thread whose stack has ended is stopped there instead
of writing into its neighbour's. On x86-64 with glibc a handler turns that, and wild addresses in
kernels without checks, into a SimulationFault; elsewhere the process ends.
"""

from __future__ import annotations

import ctypes
import platform
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from pharos.simt.build import compile_unit, runtime_text, target_machine

_SIGINFO, _ON_STACK, _NO_DEFER = 0x4, 0x08000000, 0x40000000
_HANDLER_STACK = 1 << 16


class _Action(ctypes.Structure):
    """struct sigaction of glibc on x86-64."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_uint64 * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


class _Stack(ctypes.Structure):
    """stack_t: where a signal handler runs."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


class Handler:
    """The handler's code and its table; one for the process."""

    def __init__(self) -> None:
        code = compile_unit(runtime_text("guards"), 2)
        library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name in ("simt.guard.handle", "simt.guards", "simt.guards.previous"):
            library.export_symbol(name)
        self._library = library.link(llvm.create_lljit_compiler(target_machine(2)), "guards")
        table: Any = (ctypes.c_uint64 * (3 * 64)).from_address(self._library["simt.guards"])
        self._table: np.ndarray = np.frombuffer(table, np.uint64)
        self._previous = _Action.from_address(self._library["simt.guards.previous"])
        self._libc = ctypes.CDLL(None)

    @contextmanager
    def installed(self, guards: Sequence[tuple[int, int, int]]) -> Iterator[None]:
        """Handles faults of threads on the ``guards``: (start, end of the stacks, simt.trap)."""
        entries = [number for guard in guards for number in guard]
        self._table[:] = 0
        self._table[: len(entries)] = entries
        own = _Action(handler=self._library["simt.guard.handle"])
        own.flags = _SIGINFO | _ON_STACK | _NO_DEFER
        number = int(signal.SIGSEGV)
        self._libc.sigaction(number, ctypes.byref(own), ctypes.byref(self._previous))
        try:
            yield
        finally:
            self._libc.sigaction(number, ctypes.byref(self._previous), None)

    @contextmanager
    def own_stack(self) -> Iterator[None]:
        """The calling thread's handlers run on a stack of their own."""
        memory = np.empty(_HANDLER_STACK, np.uint8)
        own, before = _Stack(memory.ctypes.data, 0, _HANDLER_STACK), _Stack()
        self._libc.sigaltstack(ctypes.byref(own), ctypes.byref(before))
        try:
            yield
        finally:
            self._libc.sigaltstack(ctypes.byref(before), None)


@cache
def handler() -> Handler | None:
    """The handler, where there is one."""
    here = platform.machine().lower() in ("x86_64", "amd64") and platform.libc_ver()[0] == "glibc"
    return Handler() if here else None
