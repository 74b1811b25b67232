"""AMX's tile registers: 16 rows of 64 bytes each (Intel SDM, volume 2, TDPBF16PS and its like).

A row holds 16 sums of f32, or 16 pairs of bf16: the sums of a tile with left rows ``l`` and right
rows ``r`` are ``sum[m][n] += l[m][2k] r[k][2n] + l[m][2k + 1] r[k][2n + 1]``.
"""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index

SIDE = 16  # rows of a tile, and f32 sums or pairs of bf16 in one of them
_ROW = 64  # bytes
_REGISTERS = 8
_PALETTE = 1


def configure() -> None:
    """Eight tile registers of 16 rows of 64 bytes, for this thread (Intel SDM, LDTILECFG)."""
    row_bytes = [byte for _ in range(_REGISTERS) for byte in (_ROW, 0)]
    form = [_PALETTE, 0, *[0] * 14, *row_bytes, *[0] * 16, *[SIDE] * _REGISTERS, *[0] * 8]
    byte = mlir.IntegerType.get_signless(8)
    type_ = mlir.VectorType.get([len(form)], byte)
    values = mlir.DenseElementsAttr.get([mlir.IntegerAttr.get(byte, b) for b in form], type_)
    memory = mlir.MemRefType.get([len(form)], byte)
    place = dialect("memref").alloca(memory, [], [], alignment=_ROW)
    constant = dialect("arith").ConstantOp(type_, values).result
    dialect("vector").store(constant, place, [index.constant(0)])
    _call("ldtilecfg", _pointer(place, index.constant(0)))


def release() -> None:
    """Give the tile registers back: a thread that holds them switches more slowly."""
    _call("tilerelease")


def clear(register: int) -> None:
    """Zeros in ``register``."""
    _call("tilezero", _number(register))


def load(register: int, buffer: Any, at: Any, elements: int) -> None:
    """Sixteen rows, ``elements`` of 32 bits apart, from offset ``at`` of the flat ``buffer`` on."""
    _call("tileloadd64", _number(register), _pointer(buffer, at), _stride(elements))


def store(register: int, buffer: Any, at: Any, elements: int) -> None:
    """The other way."""
    _call("tilestored64", _number(register), _pointer(buffer, at), _stride(elements))


def multiply(sums: int, left: int, right: int) -> None:
    """Add the products of pairs in ``left`` and ``right`` to ``sums``, all registers."""
    _call("tdpbf16ps", *map(_number, (sums, left, right)))


def _call(name: str, *arguments: Any) -> None:
    dialect("llvm").CallIntrinsicOp(None, f"llvm.x86.{name}", list(arguments), [], [])


def _number(register: int) -> Any:
    byte = mlir.IntegerType.get_signless(8)
    return dialect("arith").ConstantOp(byte, register).result


def _stride(elements: int) -> Any:
    return _long(index.constant(4 * elements))


def _long(value: Any) -> Any:
    return index.cast(value, mlir.IntegerType.get_signless(64))


def _pointer(buffer: Any, at: Any) -> Any:
    """The address of element ``at`` of a flat ``buffer`` without an offset."""
    size = max(1, mlir.MemRefType(buffer.type).element_type.width // 8)
    base = dialect("memref").extract_aligned_pointer_as_index(buffer)
    address = index.add(base, index.mul(at, index.constant(size)))
    return dialect("llvm").inttoptr(mlir.Type.parse("!llvm.ptr"), _long(address))
