"""An image that was copied into zeros only to be read by a contraction.

%p = alloc; fill %p with 0; copy %image to subview %p[start]
contraction reads %p[i + k]   ==>   contraction reads %image[i + k - start], or nothing
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.contractions.contraction import Contraction, Operand
from pharos.targets.common.contractions.surroundings import before, may_write
from pharos.targets.common.nests.sharing import may_share


@dataclass(frozen=True)
class Padded:
    """An image in zeros: the buffer of both, its parts, and where in it the image begins."""

    source: Any
    buffer: Any
    starts: tuple[int, ...]
    writers: tuple[Any, ...]


def read_padded(operand: Operand, contraction: Contraction) -> Padded | None:
    """The image that was put into zeros, which nobody but ``contraction`` reads."""
    buffer, reader = operand.buffer, contraction.nest.operation
    if isinstance(buffer.owner, mlir.Block) or buffer.owner.name != "memref.alloc":
        return None
    users = [use.owner.operation for use in buffer.uses]
    views = [user for user in users if user.name == "memref.subview"]
    fills = [user for user in users if user.name == "linalg.generic" and user != reader]
    ends = [user for user in users if user.name == "memref.dealloc"]
    if len(views) != 1 or len(fills) != 1 or len(users) != 3 + len(ends):
        return None
    copies = [use.owner.operation for use in views[0].results[0].uses]
    if len(copies) != 1 or not _writes_zero(fills[0]) or not _copies(copies[0]):
        return None
    starts = tuple(views[0].attributes["static_offsets"])
    static = all(start >= 0 for start in starts)
    if not static or {*views[0].attributes["static_strides"]} != {1}:
        return None
    source = copies[0].operands[0]
    apart = not may_share(source, contraction.result.buffer)
    if not source.type.has_static_shape or 0 in source.type.shape or not apart:
        return None
    if not _in_order(fills[0], copies[0], reader, source):
        return None
    return Padded(source, buffer, starts, (copies[0], views[0], fills[0]))


def _in_order(fill: Any, copy: Any, reader: Any, source: Any) -> bool:
    """Whether ``fill``, ``copy`` and ``reader`` follow each other, and nothing after the copy
    writes ``source``."""
    for operation in before(reader):
        if operation == copy:
            return fill.block == copy.block and bool(fill.is_before_in_block(copy))
        if may_write(operation, source):
            return False
    return False


def _writes_zero(generic: Any) -> bool:
    """Whether the operation writes the number zero to all of its only operand."""
    operations = list(generic.regions[0].blocks[0].operations)
    if len(generic.operands) != 1 or len(operations) != 1 or not _identities(generic):
        return False
    value = operations[0].operation.operands[0]
    if isinstance(value.owner, mlir.Block) or value.owner.name != "arith.constant":
        return False
    return bool(value.owner.attributes["value"].value == 0)


def _copies(generic: Any) -> bool:
    """Whether the operation copies its first operand, of a known layout, to its second."""
    if generic.name != "linalg.generic" or len(generic.operands) != 2 or not _identities(generic):
        return False
    block = generic.regions[0].blocks[0]
    operations = list(block.operations)
    source = generic.operands[0].type
    same = len(operations) == 1 and operations[0].operation.operands[0] == block.arguments[0]
    return same and source.element_type == generic.operands[1].type.element_type


def _identities(generic: Any) -> bool:
    maps = [attribute.value for attribute in generic.attributes["indexing_maps"]]
    return all(map_ == mlir.AffineMap.get_identity(map_.n_dims) for map_ in maps)
