"""Every argument is checked before a call: a wrong array handed to compiled code is memory
corruption, so nothing is converted in silence and nothing is taken on trust."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from pharos.core.artifact import Argument, EntryPoint
from pharos.core.errors import UserError
from pharos.runtime.buffer import Buffer, row_major
from pharos.runtime.device import Checked, Memory, Scalar
from pharos.runtime.dtypes import FLOATS, accepts, as_bf16, from_bf16, name_of, numpy_dtype

# Deciding whether two strided arrays share an element is NP-hard in general; numpy gives up
# after this many steps, and then we let the call pass.
_OVERLAP_WORK = 10_000
_FLOAT_FORMATS = {"f64": "<d", "f32": "<f", "f16": "<e"}
_PYTHON = {bool: "i1", int: "i64", float: "f64"}


def check_call(entry: EntryPoint, values: Sequence[Any], device: str) -> list[Checked]:
    """The arguments of one call in packed-ready form. UserError names the first bad one."""
    if len(values) != len(entry.arguments):
        raise UserError(
            f"{entry.name}: expected {len(entry.arguments)} argument(s), found {len(values)}",
            hint=f"the arguments are ({', '.join(map(describe, entry.arguments))})",
        )
    checked = [check_argument(entry, i, value, device) for i, value in enumerate(values)]
    check_overlap(entry, checked)
    return checked


def check_argument(entry: EntryPoint, index: int, value: Any, device: str) -> Checked:
    """One argument of a call to ``entry`` in packed-ready form."""
    argument = entry.arguments[index]
    where = f"{entry.name}: argument {index}" + (f" '{argument.name}'" if argument.name else "")
    if argument.kind == "memref":
        return _memory(where, argument, value, device)
    if argument.kind == "pointer":
        return _pointer(where, value, device)
    return Scalar(_scalar(where, argument.dtype, value), value)


def describe(argument: Argument) -> str:
    """An argument in words: "f32[?, 4]", "i64", "pointer"."""
    name = f"{argument.name}: " if argument.name else ""
    if argument.kind == "memref":
        return f"{name}{argument.dtype}{_sizes(argument.shape)}"
    return name + (argument.dtype if argument.kind == "scalar" else argument.kind)


def _memory(where: str, argument: Argument, value: Any, device: str) -> Memory:
    expected = f"{where}: expected an array {argument.dtype}{_sizes(argument.shape)}"
    if isinstance(value, Buffer):
        found = _from_buffer(where, expected, argument, value, device)
    elif isinstance(value, np.ndarray):
        found = _from_array(where, expected, argument, value)
    else:
        raise UserError(
            f"{expected}, found {_kind(value)}",
            hint="pass a numpy array or a Buffer; np.asarray(x) makes one",
        )
    if len(found.shape) != len(argument.shape) or any(
        want not in (-1, have) for want, have in zip(argument.shape, found.shape, strict=True)
    ):
        raise UserError(f"{expected}, found shape {_sizes(found.shape)}")
    return _checked_strides(where, argument, found)


def _from_buffer(
    where: str, expected: str, argument: Argument, value: Buffer, device: str
) -> Memory:
    if value.device != device:
        raise UserError(
            f"{where}: expected memory of device '{device}', found memory of '{value.device}'",
            hint="copy it over with device.upload(array)",
        )
    if value.freed:
        raise UserError(f"{where}: the buffer was freed before the call")
    if value.dtype != argument.dtype and not accepts(argument.dtype, numpy_dtype(value.dtype)):
        raise UserError(f"{expected}, found {value.dtype}{_sizes(value.shape)}")
    return Memory(value.address, value.shape, value.strides, value)


def _from_array(
    where: str, expected: str, argument: Argument, value: np.ndarray[Any, Any]
) -> Memory:
    if not accepts(argument.dtype, value.dtype):
        found = name_of(value.dtype) or value.dtype
        raise UserError(
            f"{expected}, found {found}{_sizes(value.shape)}",
            hint=f"convert it: x.astype({_spelled(argument.dtype)})",
        )
    if argument.written and not value.flags.writeable:
        raise UserError(
            f"{where}: the code may write to this array, and it is read-only",
            hint="pass a copy: x.copy()",
        )
    size = value.dtype.itemsize
    address = value.ctypes.data
    if value.size and (address % size or any(step % size for step in value.strides)):
        raise UserError(
            f"{where}: expected elements aligned to {size} bytes, found address {address:#x} "
            f"and strides of {list(value.strides)} bytes",
            hint="pass an aligned copy: x.copy()",
        )
    return Memory(address, value.shape, tuple(step // size for step in value.strides), value)


def _checked_strides(where: str, argument: Argument, found: Memory) -> Memory:
    dense = row_major(found.shape)
    # A stride is never used where there is at most one element along it.
    idle = [size <= 1 or not all(found.shape) for size in found.shape]
    strides = tuple(d if i else s for i, d, s in zip(idle, dense, found.strides, strict=True))
    wanted = dense if argument.strides is None else argument.strides
    # Descriptors carry the stride that the type promises even where it is idle.
    strides = tuple(w if i and w >= 0 else s for i, w, s in zip(idle, wanted, strides, strict=True))
    if any(want not in (-1, have) for want, have in zip(wanted, strides, strict=True)):
        raise UserError(
            f"{where}: expected strides {_sizes(wanted)} (in elements), "
            f"found {list(strides)} for shape {_sizes(found.shape)}",
            hint="pass a dense copy: np.ascontiguousarray(x)",
        )
    if any(step < 0 for step in strides):
        # Compiled address arithmetic is promised not to wrap below zero.
        raise UserError(
            f"{where}: expected strides of at least 0, found {list(strides)}",
            hint="pass a dense copy: np.ascontiguousarray(x)",
        )
    moving = (s for i, s in zip(idle, strides, strict=True) if not i)
    if argument.written and not all(moving):
        raise UserError(
            f"{where}: the code may write to this array, and its elements overlap "
            f"(shape {_sizes(found.shape)}, strides {list(strides)})",
            hint="pass a dense copy: np.ascontiguousarray(x)",
        )
    return Memory(found.address, found.shape, strides, found.source)


def _pointer(where: str, value: Any, device: str) -> Scalar:
    if value is None:
        return Scalar(bytes(8))
    if isinstance(value, Buffer):
        if value.device != device:
            raise UserError(
                f"{where}: expected memory of device '{device}', found memory of '{value.device}'"
            )
        return Scalar(struct.pack("<Q", value.address), value)
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise UserError(
                f"{where}: expected a dense array for a pointer, found strides "
                f"of {list(value.strides)} bytes",
                hint="pass a dense copy: np.ascontiguousarray(x)",
            )
        return Scalar(struct.pack("<Q", value.ctypes.data), value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64:
        return Scalar(struct.pack("<Q", value))
    raise UserError(
        f"{where}: expected a pointer, found {_kind(value)}",
        hint="pass a numpy array, a Buffer, an address as an int, or None for null",
    )


def _scalar(where: str, dtype: str, value: Any) -> bytes:
    """The bytes of ``value`` as a ``dtype``. Refuses what does not fit."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    target = numpy_dtype(dtype)
    held = name_of(value.dtype) if isinstance(value, np.generic) else _PYTHON.get(type(value))
    if held is None:
        raise UserError(f"{where}: expected a number of type {dtype}, found {_kind(value)}")
    if dtype in FLOATS:
        return _float_bytes(where, dtype, value)
    if held in FLOATS:
        raise UserError(
            f"{where}: expected an integer of type {dtype}, found {value!r}", hint="pass int(x)"
        )
    bits = 1 if dtype == "i1" else 8 * target.itemsize
    low, high = (0 if bits == 1 else -(1 << (bits - 1))), (1 << bits) - 1
    if not low <= int(value) <= high:
        raise UserError(f"{where}: expected {dtype}, from {low} to {high}, found {value}")
    return (int(value) & high).to_bytes(target.itemsize, "little")


def _float_bytes(where: str, dtype: str, value: Any) -> bytes:
    try:
        number = float(value)
        if dtype != "bf16":
            return struct.pack(_FLOAT_FORMATS[dtype], number)
        with np.errstate(over="ignore"):  # refused below
            narrowed = as_bf16(np.float32(number))
        if np.isinf(from_bf16(narrowed)) and not math.isinf(number):
            raise OverflowError
    except OverflowError:
        raise UserError(f"{where}: {value} is too large for {dtype}") from None
    return narrowed.tobytes()


def check_overlap(entry: EntryPoint, values: Sequence[Checked]) -> None:
    """Refuse memory shared between arguments where the code's result would depend on its order.

    Passing the very same array twice is the program's business (``add(x, y, x)``) unless the
    code relies on the argument's memory being its own; a partial overlap never is.
    """
    spans = sorted(
        (*_extent(value, entry.arguments[i]), i)
        for i, value in enumerate(values)
        if isinstance(value, Memory) and all(value.shape)
    )
    reaching: list[tuple[int, int]] = []  # end and number of the spans that may still reach on
    for start, end, number in spans:
        reaching = [one for one in reaching if one[0] > start]
        for _, other in reaching:
            _refuse_overlap(entry, values, *sorted((other, number)))
        reaching.append((end, number))


def _extent(memory: Memory, argument: Argument) -> tuple[int, int]:
    """The addresses of the first byte and past the last byte of ``memory``."""
    last = sum((n - 1) * s for n, s in zip(memory.shape, memory.strides, strict=True))
    return memory.address, memory.address + (last + 1) * numpy_dtype(argument.dtype).itemsize


def _refuse_overlap(entry: EntryPoint, values: Sequence[Any], i: int, j: int) -> None:
    a, b, first, second = values[i], values[j], entry.arguments[i], entry.arguments[j]
    if not (first.written or second.written) or not _share(a.source, b.source):
        return
    same = (a.address, a.shape, a.strides) == (b.address, b.shape, b.strides)
    if same and not (first.unique or second.unique):
        return
    what = "are the same memory" if same else "overlap"
    raise UserError(
        f"{entry.name}: arguments {i} and {j} {what}, and the code writes to it",
        hint=f"pass a copy of argument {i if second.written else j}",
    )


def _share(a: Any, b: Any) -> bool:
    """Whether two sources whose extents meet have an element in common."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        try:
            # numpy's annotations forget that any number of steps is allowed.
            work: Any = _OVERLAP_WORK
            return bool(np.shares_memory(a, b, max_work=work))
        except np.exceptions.TooHardError:
            return False
    return True


def _sizes(shape: Sequence[int]) -> str:
    return "[" + ", ".join("?" if size == -1 else str(size) for size in shape) + "]"


def _kind(value: Any) -> str:
    if isinstance(value, Buffer | np.ndarray):
        return f"an array of shape {_sizes(value.shape)}"
    text = repr(value)
    shown = text if len(text) <= 40 else text[:37] + "..."
    return f"{type(value).__name__} {shown}"


def _spelled(dtype: str) -> str:
    if dtype == "bf16":
        return "ml_dtypes.bfloat16"
    return f"np.{numpy_dtype(dtype).name}"
