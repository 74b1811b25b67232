"""The code that reads a value of an earlier line from its memory, and writes a new one there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pharos.ir.bindings import mlir
from pharos.tools.repl.layout import buffer_type

if TYPE_CHECKING:
    from pharos.tools.repl.expression import Slot

_ALIGNMENT = 64


def load(slot: Slot) -> Any:
    """The value in ``slot``; the code goes to the current insertion point."""
    stored = slot.layout.stored
    buffer = buffer_type(slot.type)
    type_ = mlir.Type.parse(stored) if stored is not None else slot.type
    raw = _operation("llvm.load", [type_], [_pointer(slot.address)], alignment=_i64(_ALIGNMENT))
    if stored is None:
        return raw
    if buffer is None:
        return _cast(raw, slot.type)
    # "restrict" without "writable": whoever changes the tensor works on a copy.
    return _operation(
        "bufferization.to_tensor", [slot.type], [_cast(raw, buffer)], restrict=mlir.UnitAttr.get()
    )


def store(value: Any, slot: Slot) -> None:
    """Put ``value`` into ``slot``; the code goes to the current insertion point."""
    if isinstance(slot.type, mlir.RankedTensorType):
        value = _copied(value, buffer_type(slot.type))
    if slot.layout.stored is not None:
        value = _cast(value, mlir.Type.parse(slot.layout.stored))
    mlir.Operation.create(
        "llvm.store",
        operands=[value, _pointer(slot.address)],
        attributes={"alignment": _i64(_ALIGNMENT)},
    )


def _copied(tensor: Any, buffer: Any) -> Any:
    """Memory of its own with the elements of ``tensor``."""
    index = mlir.IndexType.get()
    sizes = []
    for axis in range(buffer.rank):
        if buffer.is_dynamic_dim(axis):
            number = _operation(
                "arith.constant", [index], [], value=mlir.IntegerAttr.get(index, axis)
            )
            sizes.append(_operation("tensor.dim", [index], [tensor, number]))
    segments = mlir.DenseI32ArrayAttr.get([len(sizes), 0])
    memory = _operation("memref.alloc", [buffer], sizes, operandSegmentSizes=segments)
    mlir.Operation.create(
        "bufferization.materialize_in_destination",
        operands=[tensor, memory],
        attributes={"restrict": mlir.UnitAttr.get(), "writable": mlir.UnitAttr.get()},
    )
    return memory


def _operation(name: str, results: list[Any], operands: list[Any], **attributes: Any) -> Any:
    made = mlir.Operation.create(name, results=results, operands=operands, attributes=attributes)
    return made.results[0]


def _pointer(address: int) -> Any:
    number = _operation("llvm.mlir.constant", [_word()], [], value=_i64(address))
    return _operation("llvm.inttoptr", [mlir.Type.parse("!llvm.ptr")], [number])


def _cast(value: Any, type_: Any) -> Any:
    """The same value as another type of it; the conversion to LLVM takes it away."""
    return _operation("builtin.unrealized_conversion_cast", [type_], [value])


def _word() -> Any:
    return mlir.IntegerType.get_signless(64)


def _i64(number: int) -> Any:
    return mlir.IntegerAttr.get(_word(), number)
