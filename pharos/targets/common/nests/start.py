"""The fill before a reduction: its number is where the reduction starts.

    linalg.generic outs(%y) { yield %zero }
    linalg.generic ins(%x) outs(%y) { yield %y + %x }

The second then need not read what the first wrote, and the first is not needed. Nothing that may
touch its memory comes between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.nests.memory import pure
from pharos.targets.common.nests.nest import Access, Nest
from pharos.targets.common.nests.sharing import behind, same_memory


class Earlier:
    """What comes before an operation in its block, the nearest first.

    A block is listed once: what is changed in it after that must not be asked for.
    """

    def __init__(self) -> None:
        self._listed: dict[Any, tuple[list[Any], dict[Any, int]]] = {}

    def __call__(self, operation: Any) -> Iterator[Any]:
        block = operation.block
        if block not in self._listed:
            listed = [other.operation for other in block.operations]
            self._listed[block] = listed, {other: n for n, other in enumerate(listed)}
        listed, numbers = self._listed[block]
        return map(listed.__getitem__, range(numbers[operation] - 1, -1, -1))


def with_start(nest: Nest, earlier: Earlier | None = None) -> tuple[Nest, list[Any]]:
    """``nest`` with what fills right before it said about its outputs, and those fills, which
    are not needed any more.

    Only for outputs of reductions that are written as a whole and not streamed. Whoever asks for
    many nests shares ``earlier`` between them, and erases the fills at the end.
    """
    start, fills = {}, []
    for access in nest.outputs:
        if not nest.reductions or nest.streamed(access) or not _written_whole(nest, access):
            continue
        fill = _fill_of(nest, nest.operation.operands[access.operand], earlier or Earlier())
        if fill is not None:
            start[access.operand] = _number(fill)
            fills.append(fill)
    return replace(nest, start=start), fills


def _written_whole(nest: Nest, access: Access) -> bool:
    """Whether every element of the output is stored: its indices are all the parallel loops, and
    zero where its size is one."""
    used = set()
    for expression, size in zip(access.indices, access.type.shape, strict=True):
        if isinstance(expression, mlir.AffineDimExpr):
            used.add(expression.position)
        elif not (isinstance(expression, mlir.AffineConstantExpr) and size == 1):
            return False
    parallel = [d for d, is_parallel in enumerate(nest.parallel) if is_parallel]
    plain = sum(isinstance(e, mlir.AffineDimExpr) for e in access.indices)
    return used == set(parallel) and plain == len(parallel)


def _fill_of(nest: Nest, buffer: Any, earlier: Earlier) -> Any:
    """The operation that fills ``buffer`` with one number, nothing touching it in between."""
    filled = behind(buffer)
    inputs = [behind(nest.operation.operands[access.operand]) for access in nest.inputs]
    if filled is None or any(same_memory(filled, other) for other in inputs):
        return None
    for operation in earlier(nest.operation.operation):
        if pure(operation):
            continue
        if operation.name != "linalg.generic":
            return None
        reached = [behind(v) for v in _arrays(operation)]
        if any(same_memory(filled, other) for other in reached):
            return operation if _fills(operation, buffer) else None
    return None


def _arrays(operation: Any) -> Iterator[Any]:
    """The arrays that a linalg operation reaches, also those that its body loads from."""
    body = [op.operation for op in operation.regions[0].blocks[0].operations]
    for one in (operation, *body):
        yield from (value for value in one.operands if _is_memory(value))


def _fills(operation: Any, buffer: Any) -> bool:
    if list(operation.operands) != [buffer]:
        return False
    body = operation.regions[0].blocks[0]
    map_ = operation.attributes["indexing_maps"][0].value
    count = len(list(operation.attributes["iterator_types"]))
    everywhere = map_ == mlir.AffineMap.get_identity(count) and count == buffer.type.rank
    return (
        everywhere
        and len(list(body.operations)) == 1
        and _number(operation) not in list(body.arguments)
    )


def _number(fill: Any) -> Any:
    return list(fill.regions[0].blocks[0].operations)[-1].operation.operands[0]


def _is_memory(value: Any) -> bool:
    return isinstance(value.type, (mlir.MemRefType, mlir.UnrankedMemRefType))
