"""The fill before a reduction: its number is where the reduction starts.

    linalg.generic outs(%y) { yield %zero }
    linalg.generic ins(%x) outs(%y) { yield %y + %x }

The second then need not read what the first wrote, and the first is not needed. Two arguments
of a function are different memory unless whoever asks knows better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.nests.nest import Access, Nest

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
_PURE_DIALECTS = frozenset({"arith", "math", "index", "affine"})
_PURE = frozenset({"memref.alloc", "memref.alloca", "memref.dim", "memref.get_global", *VIEWS})


def pure(operation: Any) -> bool:
    """Whether ``operation`` reads and writes no memory."""
    name = operation.name
    return name in _PURE or (name.split(".")[0] in _PURE_DIALECTS and name[-4:] not in ("load",))


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
        return found if found.owner.owner.operation.name == "func.func" else None
    return found if found.owner.name in _PURE else None


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


def with_start(
    nest: Nest, earlier: Earlier | None = None, behind: Callable[[Any], Any] = memory
) -> tuple[Nest, list[Any]]:
    """``nest`` with what fills right before it said about its outputs, and those fills, which
    are not needed any more.

    Only for outputs of reductions that are written as a whole and not streamed. Whoever asks for
    many nests shares ``earlier`` between them, and erases the fills at the end. ``behind`` gives
    the memory behind an operand.
    """
    start, fills = {}, []
    for access in nest.outputs:
        if not nest.reductions or nest.streamed(access) or not _written_whole(nest, access):
            continue
        fill = _fill_of(nest, nest.operation.operands[access.operand], earlier or Earlier(), behind)
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


def _fill_of(nest: Nest, buffer: Any, earlier: Earlier, behind: Callable[[Any], Any]) -> Any:
    """The operation that fills ``buffer`` with one number, nothing touching it in between."""
    filled = behind(buffer)
    inputs = [behind(nest.operation.operands[access.operand]) for access in nest.inputs]
    if filled is None or any(other is None or other == filled for other in inputs):
        return None
    for operation in earlier(nest.operation.operation):
        if pure(operation):
            continue
        if operation.name != "linalg.generic":
            return None
        reached = [behind(v) for v in _arrays(operation)]
        if any(other is None or other == filled for other in reached):
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
