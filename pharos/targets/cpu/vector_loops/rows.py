"""Operations on the same rows, one after the other, are done row by row.

    m[i] = max x[i, :]; e[i, :] = exp(x[i, :] - m[i]); s[i] = sum e[i, :]; y[i, :] = e[i, :] / s[i]

A row that one kernel wrote is still in the cache when the next reads it, and threads meet once
for the whole group. Legal when what one member writes, the others reach in the same row only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.nests.coalesce import can_merge
from pharos.targets.common.nests.memory import memory
from pharos.targets.common.nests.nest import DYNAMIC, Access, Nest, expression_uses
from pharos.targets.common.nests.sharing import behind, same_memory

# Bytes of all operands that a block of rows may have: they stay in the second-level cache.
CACHE = 1 << 18
# Views whose types tell where in the memory they are.
_SHAPES = ("memref.collapse_shape", "memref.expand_shape", "memref.subview")
# Members of a group: a longer one is cut.
MOST = 16


@dataclass(frozen=True)
class Rows:
    """The ``leading`` loops of ``nest`` are ``count`` rows."""

    nest: Nest
    leading: int
    count: int


def row_forms(nest: Nest) -> list[Rows]:
    """The ways to see the leading loops of ``nest`` as rows, the most rows first."""
    found = []
    count = 1
    for leading in range(1, len(nest.parallel) + 1):
        dims = list(range(leading))
        size = nest.size(leading - 1)
        if size is None or not nest.parallel[leading - 1] or not can_merge(nest, dims):
            break
        count *= size
        if all(_row_bytes(access, leading) is not None for access in nest.outputs):
            found.append(Rows(nest, leading, count))
    return found[::-1]


def longest_group(nests: list[Nest], threads: int) -> list[Rows]:
    """As many of ``nests`` from the first on as can share their rows; at least the first two,
    or none. Of several ways, the one with the most rows.
    """
    best: list[Rows] = []
    for first in row_forms(nests[0]):
        if first.count % threads and first.count < 4 * threads:
            continue
        group = [first]
        for nest in nests[1:MOST]:
            member = next((r for r in row_forms(nest) if r.count == first.count), None)
            if member is None or not _independent([*group, member]):
                break
            group.append(member)
        if len(group) > max(1, len(best)):
            best = group
    return best


def block_of(group: list[Rows], threads: int) -> int:
    """Rows that the members of ``group`` do in turn."""
    reached: dict[Any, int] = {}
    for rows in group:
        for access in rows.nest.accesses:
            buffer = memory(rows.nest.operation.operands[access.operand])
            reached[buffer] = max(reached.get(buffer, 0), _row_bytes(access, rows.leading) or 0)
    block = max(1, CACHE // max(1, sum(reached.values())))
    if block > 16:
        block = block // 16 * 16
    return min(block, -(-group[0].count // threads))


def local(group: list[Rows]) -> dict[Any, int]:
    """Allocations that nobody but ``group`` reaches, and how many elements a row of each has.

    A member that writes one comes before those that read it: of other allocations, nothing would
    be known.
    """
    members = {rows.nest.operation for rows in group}
    found: dict[Any, int] = {}
    for rows in group:
        for access in rows.nest.accesses:
            own = memory(rows.nest.operation.operands[access.operand])
            if own in found or not _only_in(own, members) or not own.type.has_static_shape:
                continue
            count, size = math.prod(own.type.shape), _row_bytes(access, rows.leading)
            if size is not None and size * rows.count == count * _bytes(own.type):
                found[own] = count // rows.count
    return found


def _only_in(own: Any, members: set[Any]) -> bool:
    """Whether ``own`` is an allocation beside ``members``, which only they reach."""
    if own is None or isinstance(own.owner, mlir.Block) or own.owner.name != "memref.alloc":
        return False
    blocks = {member.block for member in members}
    return {own.owner.operation.block} == blocks and all(user in members for user in _users(own))


def _users(buffer: Any) -> Iterator[Any]:
    """The operations that reach ``buffer``, also by views of it, and do not free it."""
    for use in buffer.uses:
        user = use.owner.operation
        if user.name in _SHAPES:
            yield from _users(user.results[0])
        elif user.name != "memref.dealloc":
            yield user


def _independent(group: list[Rows]) -> bool:
    """Whether members reach what one of them writes in the same row only."""
    reached: dict[Any, set[int | None]] = {}
    written = set()
    for rows in group:
        for access in rows.nest.accesses:
            value = rows.nest.operation.operands[access.operand]
            own = behind(value)
            if own is None:
                return False
            size = _row_bytes(access, rows.leading) if _whole(value) else None
            reached.setdefault(own, set()).add(size)
            if access in rows.nest.outputs:
                written.add(own)
    for own in written:
        sizes = set().union(*(found for other, found in reached.items() if same_memory(own, other)))
        if len(sizes) > 1 or None in sizes:
            return False
    return True


def _whole(value: Any) -> bool:
    """Whether ``value`` is its memory from the first element on, or a part that its type tells the
    place of."""
    while not isinstance(value.owner, mlir.Block):
        if value.owner.name not in _SHAPES:
            return value.owner.operation.name in ("memref.alloc", "memref.get_global")
        value = value.owner.operands[0]
    return True


def _row_bytes(access: Access, leading: int) -> int | None:
    """Bytes from a row of the operand to the next; None when its rows are not those of the nest.

    A row begins with what comes before its first element, as in a part of an array with a margin.
    """
    kind = access.type
    if not kind.has_static_shape or kind.rank < leading:
        return None
    strides, offset = kind.get_strides_and_offset()
    if DYNAMIC in (*strides, offset):
        return None
    for number, expression in enumerate(access.indices):
        if number < leading:
            if not (isinstance(expression, mlir.AffineDimExpr) and expression.position == number):
                return None
        elif any(expression_uses(expression, d) for d in range(leading)):
            return None
    rows = [strides[n] == strides[n + 1] * kind.shape[n + 1] for n in range(leading - 1)]
    inside = [(n - 1) * s for n, s in zip(kind.shape[leading:], strides[leading:], strict=True)]
    pitch = strides[leading - 1]
    if not all(rows) or min([offset, *inside]) < 0 or offset + sum(inside) >= pitch:
        return None
    return int(pitch) * _bytes(kind)


def _bytes(kind: Any) -> int:
    """Bytes of an element."""
    width = kind.element_type.width if hasattr(kind.element_type, "width") else 64
    return int(max(8, width) // 8)
