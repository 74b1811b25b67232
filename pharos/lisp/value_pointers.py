"""The value functions as C functions: compiled code holds pointers, and values stand behind them.

A pointer is a number at which no program has memory, so that one which is not a value's is
recognised; code that reads through one is stopped by the processor.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

from pharos.lisp.expansions import State
from pharos.lisp.value_functions import NOTHING, POINTER, TEXT, VALUE_FUNCTIONS
from pharos.lisp.values import Value

# Not an address of x86-64 or aarch64 user space.
_FIRST = 0x6C00_0000_0000_0000
_STEP = 16

_C_TYPES: dict[str, Any] = {
    NOTHING: None,
    POINTER: ctypes.c_void_p,
    TEXT: ctypes.c_void_p,
    "f64": ctypes.c_double,
    "i64": ctypes.c_int64,
    # Only the lowest bit of what LLVM passes for an i1 says something.
    "i1": ctypes.c_uint8,
}


class Heap:
    """The values that pointers stand for."""

    def __init__(self) -> None:
        self.state = State()
        self._values: dict[int, Value] = {}
        self._texts: dict[int, Any] = {}
        self._next = _FIRST

    def pointer(self, value: Value | None) -> int:
        """A new pointer to ``value``; null for None."""
        if value is None:
            return 0
        at = self._next
        self._next += _STEP
        self._values[at] = value
        return at

    def value(self, pointer: int | None) -> Value | None:
        """What ``pointer`` stands for; None for null and for what never was a pointer."""
        return self._values.get(pointer or 0)

    def free(self, pointer: int | None) -> None:
        """Forget ``pointer``, and the C strings that came from it."""
        self._values.pop(pointer or 0, None)
        self._texts.pop(pointer or 0, None)

    def text(self, owner: int | None, text: str | None) -> int:
        """The address of ``text`` as a C string that lives as long as the pointer ``owner``."""
        if text is None:
            return 0
        buffer = ctypes.create_string_buffer(text.encode("utf-8", "replace"))
        self._texts.setdefault(owner or 0, []).append(buffer)
        return ctypes.addressof(buffer)

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._texts.clear()


# The one of this process: C functions have no place for another argument.
HEAP = Heap()


def address(name: str) -> int | None:
    """The address of the value function ``name``; None when there is none of that name."""
    return _address(name) if name in VALUE_FUNCTIONS else None


# Compiled code holds addresses of these, and nothing else would keep them alive.
_callbacks: list[object] = []


@functools.cache
def _address(name: str) -> int | None:
    function = VALUE_FUNCTIONS[name]
    types = [_C_TYPES[type_] for type_ in (function.output, *function.inputs)]
    made = ctypes.CFUNCTYPE(*types)(_callback(name))
    _callbacks.append(made)
    return ctypes.cast(made, ctypes.c_void_p).value


def _callback(name: str) -> Callable[..., Any]:
    function = VALUE_FUNCTIONS[name]
    if name == "value_free":
        return lambda pointer: HEAP.free(pointer)
    take = [_TAKE[type_] for type_ in function.inputs]
    give = _GIVE[function.output]

    def call(*arguments: Any) -> Any:
        values = [taken(argument) for taken, argument in zip(take, arguments, strict=True)]
        return give(arguments, function.call(HEAP.state, *values))

    return call


def _c_text(address: int | None) -> str | None:
    return ctypes.string_at(address).decode("utf-8", "replace") if address else None


_TAKE: dict[str, Callable[[Any], Any]] = {
    POINTER: HEAP.value,
    TEXT: _c_text,
    "f64": float,
    "i64": int,
    "i1": lambda byte: bool(byte & 1),
}
_GIVE: dict[str, Callable[[tuple[Any, ...], Any], Any]] = {
    NOTHING: lambda _, result: None,
    POINTER: lambda _, result: HEAP.pointer(result),
    TEXT: lambda arguments, result: HEAP.text(arguments[0], result),
    "f64": lambda _, result: result,
    "i64": lambda _, result: result,
    "i1": lambda _, result: int(result),
}
