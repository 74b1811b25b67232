"""The parameters of a kernel as its launch function reads them: an array of their addresses."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.targets.common.gpu.host.driver import Address, Description, Parameter

_ALIGNMENT = 64  # bytes; what a description of an array (CUtensorMap) needs


@dataclass(frozen=True)
class Packed:
    """A launch that lacks only its stream; holds everything alive that is pointed to."""

    kernel: str
    function: Any
    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int
    pointers: Any
    kept: tuple[Any, ...]


def memory_of(values: Sequence[Parameter]) -> list[tuple[int, int, Any]]:
    """For each parameter its address, its bytes, and what keeps them alive."""
    return [_memory(value) for value in values]


def _memory(value: Parameter) -> tuple[int, int, Any]:
    if isinstance(value, Address):
        pointer = ctypes.c_uint64(value.value)
        return ctypes.addressof(pointer), 8, pointer
    alignment = _ALIGNMENT if isinstance(value, Description) else 8
    room = (ctypes.c_char * (len(value.raw) + alignment))()
    start = ctypes.addressof(room) + -ctypes.addressof(room) % alignment
    ctypes.memmove(start, value.raw, len(value.raw))
    return start, len(value.raw), room


def pointer_array(memory: Sequence[tuple[int, int, Any]]) -> Any:
    """The addresses as a C array."""
    return (ctypes.c_void_p * max(1, len(memory)))(*[address for address, _, _ in memory])
