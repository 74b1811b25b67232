"""Arrays that compiled code returned: who owns their memory."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pharos.core.artifact import Argument
from pharos.runtime.device import Checked, Memory
from pharos.runtime.dtypes import numpy_dtype
from pharos.runtime.frame import Descriptor

# What MLIR writes as the allocated pointer of a memref.global: it must never be freed.
_STATIC = 0xDEADBEEF


def adopt(
    results: Sequence[Argument],
    values: Sequence[Any],
    arguments: Sequence[Checked],
    free: Callable[[int], None],
    code: object,
) -> tuple[Any, ...]:
    """The ``values`` that a call returned, as numpy arrays and scalars.

    Memory that compiled code allocated now belongs to the array and goes back through ``free``
    with the last array on it. A result in an argument's memory is a view that keeps that
    argument alive; one in a constant of the program keeps ``code`` alive.
    """
    lent = {v.address: v.source for v in arguments if isinstance(v, Memory)}
    owners: dict[int, object] = {}
    out: list[Any] = []
    for argument, value in zip(results, values, strict=True):
        if not isinstance(value, Descriptor):
            out.append(value)
            continue
        base = value.allocated
        if base in lent:
            owner = lent[base]
        elif base == _STATIC:
            owner = code
        elif base not in owners:
            owner = owners[base] = _Owned(base, free)
        else:
            owner = owners[base]
        array = _array(argument, value, owner)
        if owner is code or (isinstance(owner, np.ndarray) and not owner.flags.writeable):
            array.flags.writeable = False
        out.append(array)
    return tuple(out)


class _Owned:
    """Heap memory that goes back when nothing refers to it."""

    def __init__(self, address: int, free: Callable[[int], None]) -> None:
        if address:
            # At exit the process returns everything anyway, and arrays may still be in use.
            weakref.finalize(self, free, address).atexit = False


def _array(argument: Argument, value: Descriptor, owner: object) -> np.ndarray[Any, Any]:
    dtype = numpy_dtype(argument.dtype)
    if not all(value.shape):
        return np.empty(value.shape, dtype)
    reach = [(n - 1) * s for n, s in zip(value.shape, value.strides, strict=True)]
    low, high = sum(r for r in reach if r < 0), sum(r for r in reach if r > 0)
    start = value.aligned + (value.offset + low) * dtype.itemsize
    memory: Any = (ctypes.c_uint8 * ((high - low + 1) * dtype.itemsize)).from_address(start)
    memory._owner = owner  # the array's base is `memory`, and so keeps the owner
    steps = tuple(step * dtype.itemsize for step in value.strides)
    return np.ndarray(value.shape, dtype, memory, -low * dtype.itemsize, steps)
