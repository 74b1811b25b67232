"""Threads that take turns as greenlets, where no context switch of our own exists."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from pharos.core.errors import UserError

# What the host must know of a kernel that is built with `runtime/switch_host.ll`.
HOST = ("simt.host.switch", "simt.host.prepare", "simt.host.depart", "simt.enter")
_THE_HOST = 1024


class Greenlets:
    """Gives the runtime its switch: the addresses of its three pointers and of `simt.enter`."""

    def __init__(self, switch: int, prepare: int, depart: int, enter: int) -> None:
        self._greenlet = _library()
        self._enter = ctypes.CFUNCTYPE(None)(enter)
        self._fibers: dict[int, Any] = {}
        two = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)
        one = ctypes.CFUNCTYPE(None, ctypes.c_int64)
        self._given = [two(self._switch), one(self._prepare), two(self._depart)]
        for place, function in zip((switch, prepare, depart), self._given, strict=True):
            pointer = ctypes.cast(function, ctypes.c_void_p).value
            ctypes.c_uint64.from_address(place).value = pointer or 0

    def run(self, native: Callable[[], int]) -> int:
        """Runs blocks on the calling thread of the process."""
        self._fibers = {_THE_HOST: self._greenlet.getcurrent()}
        result = native()
        self._abandon()
        return result

    def _switch(self, start: int, to: int) -> None:
        self._fibers[to].switch()

    def _prepare(self, thread: int) -> None:
        self._fibers[thread] = self._greenlet.greenlet(self._enter)

    def _depart(self, start: int, to: int) -> None:
        # A greenlet that ends goes on to its parent.
        self._fibers[start].parent = self._fibers[to]

    def _abandon(self) -> None:
        """Keeps threads that a fault has stopped for ever.

        Freeing them would throw an exception into the kernel's code, which knows none.
        """
        for number, fiber in self._fibers.items():
            if number != _THE_HOST and not fiber.dead and fiber:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(fiber))
        self._fibers = {}


def _library() -> Any:
    try:
        import greenlet
    except ImportError:
        raise UserError(
            "the simulator needs greenlet on this processor", hint="pip install greenlet"
        ) from None
    return greenlet
