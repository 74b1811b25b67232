"""Functions that MLIR's own runner libraries would supply, for programs that call them.

They print through C's stdout, so that their output keeps its order with the program's printf.
"""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable
from typing import Any

from pharos.targets.cpu import unranked

_void = None
_memref = ctypes.POINTER(unranked.Unranked)


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


def _printer(dtype: str) -> Callable[[Any], None]:
    return lambda memref: _print(unranked.text(memref[0], dtype))


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
    "memrefCopy": (_void, (ctypes.c_int64, _memref, _memref), unranked.copy),
    # Functions that take memrefs are called through their C interface.
    "_mlir_ciface_printMemrefF32": (_void, (_memref,), _printer("float32")),
    "_mlir_ciface_printMemrefF64": (_void, (_memref,), _printer("float64")),
    "_mlir_ciface_printMemrefI32": (_void, (_memref,), _printer("int32")),
    "_mlir_ciface_printMemrefI64": (_void, (_memref,), _printer("int64")),
}
# The original Lispier's names for printf, one for each number of arguments.
_PRINTF = frozenset({"printf_1", "printf_2", "printf_3", "printf_4"})


def names() -> tuple[str, ...]:
    """The functions there are."""
    return (*_TABLE, *sorted(_PRINTF))


def address(name: str) -> int | None:
    """The address of the helper ``name``, or None when there is no such helper."""
    if name in _PRINTF:
        return ctypes.cast(_libc().printf, ctypes.c_void_p).value
    return _callback(name) if name in _TABLE else None


# Compiled code holds addresses of these, and nothing else would keep them alive.
_made_callbacks: list[object] = []


@functools.cache
def _callback(name: str) -> int | None:
    result, arguments, function = _TABLE[name]
    made = ctypes.CFUNCTYPE(result, *arguments)(function)
    _made_callbacks.append(made)
    return ctypes.cast(made, ctypes.c_void_p).value
