"""Arrays in a kernel's own memory are made once, where it begins.

    ^loop:                                   ^entry:
      %a = llvm.alloca %c8 x i16    ==>        %a = llvm.alloca %c8 x i16
                                             ^loop:

XeVM's lowering makes one where a block is loaded or stored, which writes all of it first. Inside a
loop that would be a new array in each iteration.
"""

from __future__ import annotations

from typing import Any

from pharos.ir import operations
from pharos.ir.bindings import mlir


def arrays_at_entry(function: Any) -> None:
    """Move every llvm.alloca of a constant size in an llvm.func with a body to its first block."""
    entry = function.regions[0].blocks[0]
    found = [
        op
        for op in operations(function, "llvm.alloca")
        if op.operation.block != entry and _constant(op.operands[0])
    ]
    first = entry.operations[0].operation
    for array in found:
        with mlir.InsertionPoint(first):
            size = array.operands[0].owner.clone()
        array.operands[0] = size.operation.results[0]
        array.operation.move_before(first)


def _constant(value: Any) -> bool:
    owner = value.owner
    return not isinstance(owner, mlir.Block) and owner.name == "llvm.mlir.constant"
