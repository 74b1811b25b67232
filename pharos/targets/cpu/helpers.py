"""Functions that MLIR's own runner libraries would supply, for programs that call them.

They print through C's stdout, so that their output keeps its order with the program's printf.
"""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

_void = None


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


class _Unranked(ctypes.Structure):
    """A memref of unknown rank: its rank and the address of its descriptor."""

    _fields_: ClassVar = [("rank", ctypes.c_int64), ("descriptor", ctypes.c_void_p)]


def _copy(size: int, source: Any, target: Any) -> None:
    """``memref.copy`` between any two layouts; ``size`` is bytes per element."""
    _array(size, target[0])[...] = _array(size, source[0])


def _array(size: int, memref: _Unranked) -> np.ndarray[Any, Any]:
    words = (ctypes.c_int64 * (3 + 2 * memref.rank)).from_address(memref.descriptor)
    _, aligned, offset = words[:3]
    shape, strides = words[3 : 3 + memref.rank], words[3 + memref.rank :]
    if not all(shape):
        return np.empty(shape, f"V{size}")
    last = sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    start = aligned + offset * size
    memory: Any = (ctypes.c_uint8 * ((last + 1) * size)).from_address(start)
    return np.ndarray(shape, f"V{size}", memory, strides=[step * size for step in strides])


_unranked = ctypes.POINTER(_Unranked)

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
    "printString": (_void, (ctypes.c_char_p,), lambda text: _print(text.decode(errors="replace"))),
    "memrefCopy": (_void, (ctypes.c_int64, _unranked, _unranked), _copy),
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
