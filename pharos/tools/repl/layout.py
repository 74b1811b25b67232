"""How values of MLIR types lie in memory, and how they are shown.

A value at the prompt lives in memory of its own, in the form that compiled code stores it (MLIR's
"LLVM IR Target" document: an index is an i64, a memref a descriptor of pointers and sizes, an
n-dimensional vector an array of rows).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from pharos.ir.bindings import dialect, mlir
from pharos.tools.numbers import number_text

_WORD = 8
_FLOATS = {
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "f32": np.float32,
    "f64": np.float64,
    "f8E4M3FN": ml_dtypes.float8_e4m3fn,
    "f8E5M2": ml_dtypes.float8_e5m2,
    "f8E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "f8E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    "f8E4M3B11FNUZ": ml_dtypes.float8_e4m3b11fnuz,
}
_COMPLEX = {"f32": np.complex64, "f64": np.complex128}


@dataclass(frozen=True)
class Layout:
    """A type in memory: bytes to the next element, alignment, and the text of a value.

    ``stored`` is the LLVM type that compiled code loads and stores, where it is not the type
    itself. ``dtype`` is the numpy type of arrays of it, None when there is none.
    """

    size: int
    align: int
    show: Callable[[int], str]
    stored: str | None = None
    dtype: np.dtype[Any] | None = None


def layout_of(type_: Any) -> Layout | None:
    """The layout of ``type_``; None when values of it cannot leave compiled code."""
    for kind, make in _MAKERS:
        if isinstance(type_, kind):
            return make(type_)
    return None


def array_at(address: int, dtype: np.dtype[Any], shape: Sequence[int]) -> np.ndarray[Any, Any]:
    """The dense array at ``address``, on that memory."""
    count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    memory: Any = (ctypes.c_uint8 * count).from_address(address)
    return np.frombuffer(memory, np.uint8).view(dtype).reshape(shape)


def _bytes_at(address: int, size: int) -> bytes:
    return ctypes.string_at(address, size)


# -- scalars --------------------------------------------------------------------------------------


def _integer(type_: Any) -> Layout:
    width = type_.width
    used = max(1, -(-width // 8))
    size = 1 << (used - 1).bit_length() if used <= _WORD else -(-used // 16) * 16

    def show(address: int) -> str:
        number = int.from_bytes(_bytes_at(address, used), "little") & ((1 << width) - 1)
        if width == 1:
            return "true" if number else "false"
        if width and number >> (width - 1):
            number -= 1 << width
        return str(number)

    dtype = np.dtype(np.bool_) if width == 1 else None
    if width == 8 * size and size <= _WORD:
        dtype = np.dtype(f"int{width}")
    return Layout(size, min(size, 16), show, dtype=dtype)


def _index(type_: Any) -> Layout:
    return Layout(8, 8, lambda at: str(ctypes.c_int64.from_address(at).value), "i64", _I64)


_I64 = np.dtype(np.int64)


def _float(type_: Any) -> Layout | None:
    name = str(type_)
    if name not in _FLOATS:
        return None
    dtype = np.dtype(_FLOATS[name])

    def show(address: int) -> str:
        return _float_text(array_at(address, dtype, (1,))[0], name)

    # Eight-bit floats are integers in LLVM.
    return Layout(
        dtype.itemsize, dtype.itemsize, show, "i8" if dtype.itemsize == 1 else None, dtype
    )


def _float_text(value: Any, name: str) -> str:
    return str(float(value)) if name.startswith("f8") else number_text(value, name)


def _pointer(type_: Any) -> Layout:
    def show(address: int) -> str:
        value = ctypes.c_uint64.from_address(address).value
        return f"{value:#x}" if value else "null"

    return Layout(8, 8, show, dtype=np.dtype(np.uint64))


def _complex(type_: Any) -> Layout | None:
    part = layout_of(type_.element_type)
    if part is None:
        return None

    def show(address: int) -> str:
        real, imaginary = part.show(address), part.show(address + part.size)
        sign, digits = ("-", imaginary[1:]) if imaginary.startswith("-") else ("+", imaginary)
        return f"{real} {sign} {digits}i"

    name = part.stored or str(type_.element_type)
    kind = _COMPLEX.get(str(type_.element_type))
    dtype = np.dtype(kind) if kind is not None else None
    return Layout(2 * part.size, part.align, show, f"!llvm.struct<({name}, {name})>", dtype)


# -- aggregates -----------------------------------------------------------------------------------


def _vector(type_: Any) -> Layout | None:
    element = layout_of(type_.element_type)
    if type_.scalable or element is None or element.dtype is None:
        return None
    shape = tuple(type_.shape) or (1,)
    dtype, row = element.dtype, shape[-1]
    bits = str(type_.element_type) == "i1"
    used = -(-row // 8) if bits else row * dtype.itemsize
    stride = 1 << (used - 1).bit_length()
    rows = int(np.prod(shape[:-1], dtype=np.int64))

    def show(address: int) -> str:
        raw = array_at(address, np.dtype(np.uint8), (rows, stride))[:, :used]
        if bits:
            packed = np.unpackbits(raw, axis=1, bitorder="little")[:, :row]
            array = packed.astype(np.bool_)
        else:
            array = np.ascontiguousarray(raw).view(dtype)
        return array_text(array.reshape(tuple(type_.shape)))

    inner = element.stored or str(type_.element_type)
    stored = f"vector<{row}x{inner}>"
    for size in reversed(shape[:-1]):
        stored = f"!llvm.array<{size} x {stored}>"
    plain = type_.rank == 1 and element.stored is None
    # Arrays whose elements are vectors are arrays of one more dimension, if there are no gaps.
    whole = type_.rank == 1 and not bits and used == stride
    inside = np.dtype((dtype, (row,))) if whole else None
    return Layout(rows * stride, stride, show, None if plain else stored, inside)


def _struct(type_: Any) -> Layout | None:
    if type_.opaque:
        return None
    fields = [layout_of(part) for part in type_.body]
    offsets, end, align = [], 0, 1
    for field in fields:
        if field is None or field.stored is not None:
            return None
        step = 1 if type_.packed else field.align
        offsets.append(-(-end // step) * step)
        end, align = offsets[-1] + field.size, max(align, step)
    known = [field for field in fields if field is not None]

    def show(address: int) -> str:
        pairs = zip(known, offsets, strict=True)
        return "{" + ", ".join(field.show(address + at) for field, at in pairs) + "}"

    return Layout(-(-end // align) * align, align, show)


def _llvm_array(type_: Any) -> Layout | None:
    element = layout_of(type_.element_type)
    count = type_.num_elements
    if element is None or element.stored is not None:
        return None
    if str(type_.element_type) == "i8":
        show = _text_show(count)
    else:
        each, size = element.show, element.size

        def show(address: int) -> str:
            shown = [each(address + i * size) for i in range(min(count, _MOST))]
            return "[" + ", ".join(shown + ["..."] * (count > _MOST)) + "]"

    return Layout(element.size * count, element.align, show)


_MOST = 100


def _text_show(count: int) -> Callable[[int], str]:
    """Bytes are shown as the text that they most often are."""

    def show(address: int) -> str:
        text = _bytes_at(address, min(count, 1000)).decode("utf-8", "backslashreplace")
        return '"' + text.replace("\0", "\\0").replace("\n", "\\n") + '"'

    return show


def _memref(type_: Any) -> Layout | None:
    element = layout_of(type_.element_type)
    if element is None or element.dtype is None or type_.memory_space is not None:
        return None
    rank, dtype = type_.rank, element.dtype
    try:
        type_.get_strides_and_offset()
    except (ValueError, RuntimeError):  # a layout that is no strides
        return None

    def show(address: int) -> str:
        words = array_at(address, _I64, (3 + 2 * rank,)).tolist()
        return array_text(_strided(words, rank, dtype))

    sizes = f", array<{rank} x i64>, array<{rank} x i64>" if rank else ""
    stored = f"!llvm.struct<(ptr, ptr, i64{sizes})>"
    return Layout((3 + 2 * rank) * _WORD, _WORD, show, stored)


def _strided(words: list[int], rank: int, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The array that a descriptor describes, on its memory."""
    _, aligned, offset = words[:3]
    shape, strides = words[3 : 3 + rank], words[3 + rank :]
    if 0 in shape:
        return np.empty(shape, dtype)
    reach = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
    low, high = sum(r for r in reach if r < 0), sum(r for r in reach if r > 0)
    start = aligned + (offset + low) * dtype.itemsize
    memory = array_at(start, np.dtype(np.uint8), ((high - low + 1) * dtype.itemsize,))
    steps = [step * dtype.itemsize for step in strides]
    if dtype.subdtype is not None:  # an array of vectors
        base, inner = dtype.subdtype
        shape, steps = [*shape, *inner], [*steps, base.itemsize]
        dtype = base
    return np.ndarray(shape, dtype, memory, -low * dtype.itemsize, steps)


def _tensor(type_: Any) -> Layout | None:
    """A tensor is kept as the array that holds it, row by row."""
    memref = buffer_type(type_)
    return _memref(memref) if memref is not None else None


def buffer_type(type_: Any) -> Any | None:
    """The memref that holds a tensor of ``type_``; None for a tensor with an encoding."""
    if not isinstance(type_, mlir.RankedTensorType) or type_.encoding is not None:
        return None
    return mlir.MemRefType.get(type_.shape, type_.element_type)


def array_text(array: np.ndarray[Any, Any]) -> str:
    """``array`` in numpy's format."""
    if array.ndim == 0:
        return str(array[()])
    return np.array2string(array, threshold=1000, max_line_width=100)


def _llvm_kinds() -> list[tuple[type, Callable[[Any], Layout | None]]]:
    llvm = dialect("llvm")
    return [(llvm.PointerType, _pointer), (llvm.StructType, _struct), (llvm.ArrayType, _llvm_array)]


_MAKERS: list[tuple[type, Callable[[Any], Layout | None]]] = [
    (mlir.IntegerType, _integer),
    (mlir.IndexType, _index),
    (mlir.FloatType, _float),
    (mlir.ComplexType, _complex),
    (mlir.VectorType, _vector),
    (mlir.MemRefType, _memref),
    (mlir.RankedTensorType, _tensor),
    *_llvm_kinds(),
]
