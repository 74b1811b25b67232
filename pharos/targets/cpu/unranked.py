"""Memrefs of unknown rank, as compiled code passes them: read, copied, printed.

Program start imports this module for every program; numpy waits until a function is called.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np


class Unranked(ctypes.Structure):
    """The rank, and the address of the descriptor (see ``pharos.runtime.frame``)."""

    _fields_: ClassVar = [("rank", ctypes.c_int64), ("descriptor", ctypes.c_void_p)]


def copy(size: int, source: Any, target: Any) -> None:
    """``memref.copy`` between any two layouts; ``size`` is bytes per element."""
    array(target[0], f"V{size}")[...] = array(source[0], f"V{size}")


def array(memref: Unranked, element: str) -> np.ndarray[Any, Any]:
    """The elements, on the same memory; numpy calls their type ``element``. Strides are not
    negative."""
    import numpy as np

    dtype = np.dtype(element)
    _, aligned, offset, shape, strides = _descriptor(memref)
    if not all(shape):
        return np.empty(shape, dtype)
    last = sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    start = aligned + offset * dtype.itemsize
    memory: Any = (ctypes.c_uint8 * ((last + 1) * dtype.itemsize)).from_address(start)
    return np.ndarray(shape, dtype, memory, strides=[step * dtype.itemsize for step in strides])


def text(memref: Unranked, element: str) -> str:
    """What MLIR's ``printMemref...`` functions print."""
    _, aligned, offset, shape, strides = _descriptor(memref)
    return (
        f"Unranked Memref base@ = {aligned:#x} rank = {memref.rank} offset = {offset} "
        f"sizes = {shape} strides = {strides} data = \n"
        f"{''.join(_elements(array(memref, element), 0))}\n"
    )


def _elements(values: np.ndarray[Any, Any], depth: int) -> Iterator[str]:
    if values.ndim == 0:
        # A memref of rank 0 has brackets of its own; elements of a row have the row's.
        shown = f"{values.item():g}" if values.dtype.kind == "f" else str(values.item())
        yield shown if depth else f"[{shown}]"
        return
    separator = ", " if values.ndim == 1 else ", \n"
    yield "["
    for number in range(len(values)):
        if number:
            yield separator + " " * (depth + 1)
        yield from _elements(values[number, ...], depth + 1)
    yield "]"


def _descriptor(memref: Unranked) -> tuple[int, int, int, list[int], list[int]]:
    rank = memref.rank
    words = (ctypes.c_int64 * (3 + 2 * rank)).from_address(memref.descriptor)
    allocated, aligned, offset = words[:3]
    return allocated, aligned, offset, words[3 : 3 + rank], words[3 + rank :]
