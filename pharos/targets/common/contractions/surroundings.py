"""What stands around a contraction: the fill before it, the elementwise operation after it.

Both move into the tiles: the result is then neither read for its first sums nor a second time for
the operation that follows. Nothing between them and the contraction may touch the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pharos.ir import operations
from pharos.ir.bindings import mlir
from pharos.targets.common.contractions.contraction import (
    Contraction,
    Operand,
    read_operand,
)
from pharos.targets.common.contractions.result import Finish, Start
from pharos.targets.common.nests.body import supported
from pharos.targets.common.nests.memory import VIEWS, root
from pharos.targets.common.nests.nest import Nest, read_nest
from pharos.targets.common.nests.sharing import may_share

_VIEWS = (*VIEWS, "memref.extract_strided_metadata")
# Operations that touch no memory, whatever their operands.
_PURE = ("affine.apply", "memref.alloc", "memref.alloca", "memref.dim", *_VIEWS)

# The operations of blocks in order, and the number of each; None where they are listed anew.
_Lists = dict[Any, tuple[list[Any], dict[Any, int]]]
_LISTED: ContextVar[_Lists | None] = ContextVar("listed", default=None)


@contextmanager
def listed() -> Iterator[None]:
    """In this context the operations of a block are listed once for all that ask what stands
    around one of them. Nothing else than this module may move, add or erase any."""
    token = _LISTED.set({})
    try:
        yield
    finally:
        _LISTED.reset(token)


def find_start(contraction: Contraction) -> Start:
    """What the sums of ``contraction`` are added to: what the operation before it wrote into all
    of the result (a number, or a broadcast copy of another memref), or the result itself."""
    itself = Start(operand=contraction.result)
    result = contraction.result.buffer
    between: list[Any] = []
    for operation in before(contraction.nest.operation):
        if not _touches(operation, result):
            between.append(operation)
            continue
        found = _fill(operation, contraction)
        source = found.operand.buffer if found and found.operand else None
        if found is None or any(source and may_write(other, source) for other in between):
            return itself
        return found
    return itself


def find_finish(contraction: Contraction, *, indices: bool = False) -> Finish | None:
    """The elementwise operation on the whole result that may be done on each tile.

    It is the next that touches the result, reads it element by element, and writes to somewhere
    that the contraction does not read; nothing between writes what it reads. ``indices``: it may
    compute with the numbers of its loops.
    """
    operation = contraction.nest.operation
    between: list[Any] = []
    for other in _after(operation):
        if other.name == "linalg.generic" and contraction.result.buffer in other.operands:
            found = _finish(other, contraction, between)
            return found if found is None or indices or not found.indices else None
        if _touches(other, contraction.result.buffer) or len(other.regions):
            return None
        between.append(other)
    return None


def captured(contraction: Contraction, start: Start, finish: Finish | None) -> tuple[Any, ...]:
    """The outside values that the functions of a contraction need, its operands first."""
    found = list(contraction.nest.operation.operands)
    for operation in (contraction.nest.operation, finish and finish.operation):
        if operation is not None:
            found += [*operation.operands, *_from_outside(operation)]
    if start.operand is not None:
        found.append(start.operand.buffer)
    if start.scalar is not None and not _constant(start.scalar):
        found.append(start.scalar)
    return tuple(dict.fromkeys(found))


def _fill(operation: Any, contraction: Contraction) -> Start | None:
    """The start that ``operation`` wrote; None when it does something else."""
    result = contraction.result
    nest = read_nest(operation) if operation.name == "linalg.generic" else None
    if nest is None or nest.reductions or len(nest.outputs) != 1 or not supported(nest):
        return None
    if operation.operands[-1] != result.buffer or len(list(nest.body.operations)) != 1:
        return None
    value = next(iter(nest.body.operations)).operation.operands[0]
    loops = _loops_of(nest, result)
    if loops is None or value == nest.body.arguments[len(nest.inputs)]:
        return None
    if value not in list(nest.body.arguments):
        zero = _is_zero(value)
        return Start(scalar=None if zero else value, fill=operation)
    access = nest.inputs[list(nest.body.arguments).index(value)]
    operand = _renamed(nest, access, loops, contraction)
    if operand is None or may_write(contraction.nest.operation, operand.buffer):
        return None
    return Start(operand=operand, fill=operation)


def _finish(operation: Any, contraction: Contraction, between: list[Any]) -> Finish | None:
    nest = read_nest(operation)
    if nest is None or nest.reductions or not supported(nest):
        return None
    buffer = contraction.result.buffer
    own = [a for a in nest.accesses if operation.operands[a.operand] == buffer]
    loops = _loops_of(nest, contraction.result, own[0])
    if loops is None or any(a.map != own[0].map for a in own):
        return None
    others = [a for a in nest.inputs if a not in own]
    operands = [_renamed(nest, a, loops, contraction) for a in others]
    results = [
        contraction.result if a in own else _renamed(nest, a, loops, contraction)
        for a in nest.outputs
    ]
    body = nest.body
    if any(len(list(body.arguments[a.operand].uses)) for a in nest.outputs if a not in own):
        return None
    if any(o is None for o in operands + results) or _conflict(operation, contraction, between):
        return None
    return Finish(
        operation,
        tuple(body.arguments[a.operand] for a in own),
        tuple(body.arguments[a.operand] for a in others),
        tuple(o for o in operands if o is not None),
        tuple(list(body.operations)[-1].operation.operands),
        tuple(o for o in results if o is not None),
        tuple(_indices(nest, loops, contraction.result)),
    )


def _indices(
    nest: Nest, loops: dict[int, int], result: Operand
) -> Iterator[tuple[Any, int | None]]:
    """The numbers of loops that the body asks for, and the contraction's loops that they count."""
    for op in nest.body.operations:
        if op.operation.name == "linalg.index":
            own = result.factors[loops[op.operation.attributes["dim"].value]]
            yield op.operation.results[0], next(iter(own), None)


def _conflict(operation: Any, contraction: Contraction, between: list[Any]) -> bool:
    """Whether doing ``operation`` with the contraction, before ``between``, changes anything."""
    buffer = contraction.result.buffer
    outputs = _outputs(operation)
    others = [v for v in _reached(operation) if v != buffer]
    written = [v for v in outputs if v != buffer]
    factors = [o.buffer for f in (contraction.left, contraction.right) for o in f.operands]
    if any(may_share(buffer, other) for other in (*others, *factors)):
        return True
    start = find_start(contraction).operand if written else None
    if start is not None and start.buffer != buffer:
        factors.append(start.buffer)  # a later tile may begin with it
    if any(sum(may_share(w, v) for v in others) > 1 or _any_shares(w, factors) for w in written):
        return True
    if buffer not in outputs and not _ends_with(operation, contraction):
        return True
    read = [r for r in others if not _any_shares(r, written)]
    for other in between:
        if any(_touches(other, w) for w in written) or any(may_write(other, r) for r in read):
            return True
    return not _hoist([*operation.operands, *_from_outside(operation)], contraction, between)


def _ends_with(operation: Any, contraction: Contraction) -> bool:
    """Whether nobody reads the contraction's own result after ``operation``."""
    memory = root(contraction.result.buffer)
    if isinstance(memory.owner, mlir.Block) or memory.owner.name != "memref.alloc":
        return False
    own = operation.operation
    pending = [memory]
    while pending:
        for use in pending.pop().uses:
            user = use.owner.operation
            if user.name in _VIEWS:
                pending += list(user.results)
            elif user.name != "memref.dealloc" and not _until(user, own):
                return False
    return True


def _until(operation: Any, last: Any) -> bool:
    """Whether ``operation`` is ``last``, or before it in the same block."""
    return operation == last or (
        operation.block == last.block and bool(operation.is_before_in_block(last))
    )


def _hoist(values: list[Any], contraction: Contraction, between: list[Any]) -> bool:
    """Move what computes ``values`` before the contraction; False when that is not possible."""
    wanted, moved = list(values), []
    while wanted:
        owner = wanted.pop().owner
        if isinstance(owner, mlir.Block) or owner.operation not in between:
            continue
        if owner.operation in moved:
            continue
        if owner.name not in _PURE and not _plain(owner):
            return False
        moved.append(owner.operation)
        wanted += list(owner.operands)
    moved = [operation for operation in between if operation in moved]
    for operation in moved:
        operation.move_before(contraction.nest.operation)
    if moved:
        _list_moved(moved, contraction.nest.operation.operation)
    return True


def _list_moved(moved: list[Any], place: Any) -> None:
    """Say in the lists, if there are any, that ``moved`` are before ``place`` now."""
    lists = _LISTED.get()
    if lists is None or place.block not in lists:
        return
    operations, _ = lists[place.block]
    gone = set(moved)
    rest = [operation for operation in operations if operation not in gone]
    at = rest.index(place)
    rest[at:at] = moved
    lists[place.block] = rest, {operation: n for n, operation in enumerate(rest)}


def _loops_of(nest: Nest, result: Operand, access: Any = None) -> dict[int, int] | None:
    """From the loops of an elementwise ``nest`` to the dimensions of ``result`` that it walks."""
    access = access or nest.outputs[0]
    found = {}
    for dimension, expression in enumerate(access.indices):
        if not isinstance(expression, mlir.AffineDimExpr) or expression.position in found:
            return None
        found[expression.position] = dimension
    # A dimension of the result must be one loop of the contraction, or none (a size of one).
    plain = all(
        len(f) <= 1 and s == 0 and set(f.values()) <= {1}
        for f, s in zip(result.factors, result.starts, strict=True)
    )
    return found if plain and len(found) == len(nest.parallel) else None


def _renamed(
    nest: Nest, access: Any, loops: dict[int, int], contraction: Contraction
) -> Operand | None:
    """``access`` of an elementwise operation, in terms of the loops of the contraction."""
    operand = read_operand(nest, access, (None,) * len(nest.parallel))
    if operand is None:
        return None
    factors = []
    for factor in operand.factors:
        renamed: dict[int, int] = {}
        for loop, times in factor.items():
            for own in contraction.result.factors[loops[loop]]:
                renamed[own] = renamed.get(own, 0) + times
        factors.append(renamed)
    return Operand(operand.buffer, tuple(factors), operand.starts)


def before(operation: Any) -> Iterator[Any]:
    """The operations before ``operation`` in its block, the nearest first."""
    operations, number = _around(operation.operation)
    yield from map(operations.__getitem__, range(number - 1, -1, -1))


def _after(operation: Any) -> Iterator[Any]:
    operations, number = _around(operation.operation)
    yield from map(operations.__getitem__, range(number + 1, len(operations)))


def _around(operation: Any) -> tuple[list[Any], int]:
    """The operations of the block of ``operation``, and its place among them."""
    lists = _LISTED.get()
    block = operation.block
    if lists is None:
        operations = [op.operation for op in block.operations]
        return operations, operations.index(operation)
    if block not in lists:
        operations = [op.operation for op in block.operations]
        lists[block] = operations, {op: n for n, op in enumerate(operations)}
    operations, numbers = lists[block]
    return operations, numbers[operation]


def _any_shares(array: Any, others: Iterable[Any]) -> bool:
    return any(may_share(array, other) for other in others)


def _touches(operation: Any, array: Any) -> bool:
    """Whether ``operation`` may read or write ``array``."""
    if operation.name in _PURE or _plain(operation):
        return False
    if not operation.name.startswith(("linalg.", "memref.", "vector.")):
        return True
    return _any_shares(array, _reached(operation))


def may_write(operation: Any, array: Any) -> bool:
    """Whether ``operation`` may write ``array``."""
    if operation.name == "linalg.generic":
        return _any_shares(array, [*_outputs(operation), *_stored(operation)])
    return _touches(operation, array)


def _outputs(operation: Any) -> list[Any]:
    inputs = operation.attributes["operandSegmentSizes"][0]
    return list(operation.operands)[inputs:]


def _reached(operation: Any) -> Iterator[Any]:
    """The arrays that ``operation`` names, also those that its body loads from."""
    for one in operations(operation):
        yield from (value for value in one.operands if _is_memory(value))


def _stored(operation: Any) -> Iterator[Any]:
    """The arrays in the body of ``operation`` that it may do more to than load from them."""
    for one in operations(operation):
        if one.name != "memref.load" and one != operation.operation:
            yield from (value for value in one.operands if _is_memory(value))


def _plain(operation: Any) -> bool:
    return operation.name.split(".")[0] in ("arith", "math", "index")


def _is_memory(value: Any) -> bool:
    return isinstance(value.type, (mlir.MemRefType, mlir.UnrankedMemRefType))


def _is_zero(value: Any) -> bool:
    return _constant(value) and value.owner.attributes["value"].value == 0


def _from_outside(operation: Any) -> list[Any]:
    """Values that the body of ``operation`` uses and does not define, constants excepted."""
    body = operation.regions[0].blocks[0]
    inside = set(body.arguments)
    found = []
    for op in body.operations:
        found += [v for v in op.operation.operands if v not in inside and not _constant(v)]
        inside.update(op.operation.results)
    return found


def _constant(value: Any) -> bool:
    owner = value.owner
    return not isinstance(owner, mlir.Block) and owner.name == "arith.constant"
