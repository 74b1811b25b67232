"""Functions that MLIR's own runner libraries would supply, for programs that call them.

They print through C's stdout, so that their output keeps its order with the program's printf.
"""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable
from typing import Any

_void, _ptr = None, ctypes.c_void_p


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _print(text: str) -> None:
    data = text.encode()
    _libc().printf(b"%.*s", ctypes.c_int(len(data)), data)


def _clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _print_float(value: float) -> None:
    _libc().printf(b"%g", ctypes.c_double(value))


# name -> (result, arguments, function)
_TABLE: dict[str, tuple[Any, tuple[Any, ...], Callable[..., Any]]] = {
    "clock_ms": (ctypes.c_int64, (), _clock_ms),
    "rtclock": (ctypes.c_double, (), time.perf_counter),
    "printF32": (_void, (ctypes.c_float,), _print_float),
    "printF64": (_void, (ctypes.c_double,), _print_float),
    "printI64": (_void, (ctypes.c_int64,), lambda value: _print(str(value))),
    "printU64": (_void, (ctypes.c_uint64,), lambda value: _print(str(value))),
    "printNewline": (_void, (), lambda: _print("\n")),
    "printComma": (_void, (), lambda: _print(", ")),
    "printOpen": (_void, (), lambda: _print("( ")),
    "printClose": (_void, (), lambda: _print(" )")),
}


def names() -> tuple[str, ...]:
    """The functions there are."""
    return tuple(_TABLE)


def address(name: str) -> int | None:
    """The address of the helper ``name``, or None when there is no such helper."""
    return _callback(name)[1] if name in _TABLE else None


@functools.cache
def _callback(name: str) -> tuple[object, int]:
    """The callback object (the cache keeps it alive as long as the process) and its address."""
    result, arguments, function = _TABLE[name]
    made = ctypes.CFUNCTYPE(result, *arguments)(function)
    place = ctypes.cast(made, ctypes.c_void_p).value
    assert place is not None
    return made, place
