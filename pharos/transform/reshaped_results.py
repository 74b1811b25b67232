"""A result that is reshaped before it is written is written in the shape that it is computed in.

    %c = tensor.collapse_shape %x : tensor<4x8xf32> into tensor<32xf32>
    %d = bufferization.to_tensor %m : memref<32xf32>
    bufferization.materialize_in_destination %c in %d
      ==>
    %w = memref.expand_shape %m : memref<32xf32> into memref<4x8xf32>
    %d = bufferization.to_tensor %w : memref<4x8xf32>
    bufferization.materialize_in_destination %x in %d

Fusion moves a reshape of an operand to the result. Bufferization would copy it: it finds the memory
of a result only where that is written as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir
from pharos.transform.out_parameters import reshaped

_WRITE = "bufferization.materialize_in_destination"


@dataclass(frozen=True)
class ReshapedResults:
    """Move reshapes of known sizes from what is written to a parameter to the parameter."""

    name: ClassVar[str] = "reshaped-results"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context, mlir.Location.unknown():
            for write in operations(module, _WRITE):
                if len(write.results) == 1 and (end := _end(write)) is not None:
                    _rewrite(write, end)
        return module


def _end(write: Any) -> Any | None:
    """What writes the result of ``write`` to the memory that its destination is, and thus keeps
    it; None when somebody else uses the result or the destination, or the memory is not one that
    can be reshaped."""
    place, uses = write.operands[1], list(write.results[0].uses)
    if isinstance(place.owner, mlir.Block) or place.owner.name != "bufferization.to_tensor":
        return None
    memory = place.owner.operands[0]
    if len(list(place.uses)) != 1 or len(uses) != 1 or not _row_major(memory.type):
        return None
    end = uses[0].owner.operation
    whole = end.name == _WRITE and not len(end.results) and end.operands[1] == memory
    return end if whole else None


def _row_major(type_: Any) -> bool:
    return bool(mlir.MemRefType.get(type_.shape, type_.element_type) == type_)


def _rewrite(write: Any, end: Any) -> None:
    place = write.operands[1].owner.operation
    with mlir.InsertionPoint(place), place.location:
        value, memory = reshaped(write.operands[0], place.operands[0])
        if value == write.operands[0]:
            return
        tensor = dialect("bufferization").to_tensor(
            value.type, memory, restrict=True, writable=True
        )
    bufferization = dialect("bufferization")
    with mlir.InsertionPoint(end), end.location:
        written = bufferization.materialize_in_destination(value.type, value, tensor)
        bufferization.materialize_in_destination(None, written, memory, writable=True)
    for operation in (end, write, place):
        operation.erase()
