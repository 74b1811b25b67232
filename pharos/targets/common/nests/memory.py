"""The memory behind an array, and the operations that touch none."""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import mlir

VIEWS = frozenset(
    {
        "memref.cast",
        "memref.collapse_shape",
        "memref.expand_shape",
        "memref.reinterpret_cast",
        "memref.subview",
        "memref.transpose",
        "memref.view",
    }
)
# Dialects and operations that touch no memory that exists already.
_PURE_DIALECTS = frozenset({"arith", "math", "index"})
_PURE = frozenset(
    {
        "affine.apply",
        "affine.delinearize_index",
        "affine.linearize_index",
        "affine.max",
        "affine.min",
        "memref.alloc",
        "memref.alloca",
        "memref.dim",
        "memref.get_global",
        *VIEWS,
    }
)


def pure(operation: Any) -> bool:
    """Whether ``operation`` reads and writes no memory."""
    name = operation.name
    return name in _PURE or name.split(".")[0] in _PURE_DIALECTS


def root(buffer: Any) -> Any:
    """The allocation or argument that ``buffer`` is a view of."""
    while not isinstance(buffer.owner, mlir.Block) and buffer.owner.name in VIEWS:
        buffer = buffer.owner.operands[0]
    return buffer


def memory(buffer: Any) -> Any:
    """The memory behind ``buffer``: an allocation, a global or an argument of the function. None
    where it may be one of several."""
    found = root(buffer)
    if isinstance(found.owner, mlir.Block):
        function = found.owner.owner.operation
        first = function.name == "func.func" and found.owner == function.regions[0].blocks[0]
        return found if first else None
    return found if found.owner.operation.name in _PURE else None
