"""What a body loads from a place that is linear in the loops becomes an operand.

    generic outs(%y) { yield load %x[index(0), 2047 - index(1)] }
      ==>
    generic ins(%x: (i, j) -> (i, 2047 - j)) outs(%y) { yield x }

Flips come like this. As operands they are loaded a vector at a time, and everything that asks which
memory an operation reaches sees them.
"""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.nests.memory import memory
from pharos.targets.common.nests.nest import Nest, read_nest

_CASTS = ("arith.index_cast", "arith.index_castui")
_SUMS = ("arith.addi", "arith.subi", "arith.muli")
_INDICES = ("linalg.index", "affine.apply", "arith.constant", *_CASTS, *_SUMS)


def with_operands(nest: Nest) -> Nest:
    """``nest`` with such loads as inputs; its operation is replaced if there are any."""
    body = [op.operation for op in nest.body.operations]
    found = [(op, map_) for op in body if (map_ := _map(nest, op)) is not None]
    if not found:
        return nest
    made = _rewritten(nest, found)
    after = read_nest(made)
    if after is None:
        raise ValueError("a loop lost the operand that shows its size")
    return after


def _map(nest: Nest, load: Any) -> Any | None:
    """The index map of the operand that ``load`` may become; None where it may not."""
    if load.name != "memref.load" or not _apart(nest, load.operands[0]):
        return None
    expressions = [_expression(nest, value) for value in list(load.operands)[1:]]
    known = [e for e in expressions if e is not None]
    if not known or len(known) < len(expressions):
        return None
    map_ = mlir.AffineMap.get(len(nest.parallel), 0, known)
    return map_ if _inside(nest, map_, load.operands[0].type) else None


def _apart(nest: Nest, buffer: Any) -> bool:
    """Whether nothing that ``nest`` writes is in ``buffer``, which is there before it starts."""
    own = memory(buffer)
    if own is None or not mlir.MemRefType(buffer.type).has_static_shape:
        return False
    outputs = [memory(nest.operation.operands[access.operand]) for access in nest.outputs]
    if any(other is None or other == own for other in outputs):
        return False
    # Two arguments may be one array. The iterations of parallel loops have no order to keep.
    arguments = [isinstance(found.owner, mlir.Block) for found in (own, *outputs)]
    return not (arguments[0] and any(arguments[1:])) or not any(map(nest.streamed, nest.outputs))


def _expression(nest: Nest, value: Any) -> Any | None:
    """``value`` as an affine expression of the loops of ``nest``; None where it is none."""
    owner = value.owner
    if isinstance(owner, mlir.Block):
        return None
    if owner.name == "linalg.index":
        return mlir.AffineExpr.get_dim(owner.attributes["dim"].value)
    if owner.name == "arith.constant":
        return mlir.AffineExpr.get_constant(owner.attributes["value"].value)
    if owner.name in _CASTS:
        types = (owner.operands[0].type, value.type)
        wide = all(isinstance(t, mlir.IndexType) or t.width >= 64 for t in types)
        return _expression(nest, owner.operands[0]) if wide else None
    if owner.name == "affine.apply":
        return _applied(nest, owner)
    if owner.name not in _SUMS:
        return None
    left, right = (_expression(nest, operand) for operand in owner.operands)
    if left is None or right is None:
        return None
    if owner.name == "arith.addi":
        return left + right
    if owner.name == "arith.subi":
        return left - right
    numbers = [isinstance(e, mlir.AffineConstantExpr) for e in (left, right)]
    return left * right if any(numbers) else None


def _applied(nest: Nest, apply: Any) -> Any | None:
    map_ = apply.attributes["map"].value
    operands = [_expression(nest, operand) for operand in apply.operands]
    if map_.n_symbols or any(e is None for e in operands) or not _linear(map_.results[0]):
        return None
    return map_.results[0].compose(mlir.AffineMap.get(len(nest.parallel), 0, operands))


def _linear(expression: Any) -> bool:
    if isinstance(expression, mlir.AffineAddExpr | mlir.AffineMulExpr):
        return _linear(expression.lhs) and _linear(expression.rhs)
    return isinstance(expression, mlir.AffineDimExpr | mlir.AffineConstantExpr)


def _inside(nest: Nest, map_: Any, kind: Any) -> bool:
    """Whether the places of all iterations lie in a memref of type ``kind``.

    linalg refuses an operand for which it is not so.
    """
    sizes = [nest.size(dim) for dim in range(len(nest.parallel))]
    for expression, size in zip(map_.results, mlir.MemRefType(kind).shape, strict=True):
        reach = _reach(expression, sizes)
        if reach is None or reach[0] < 0 or reach[1] >= size:
            return False
    return True


def _reach(expression: Any, sizes: list[int | None]) -> tuple[int, int] | None:
    """The least and the largest value of a linear ``expression``; None where it is not known."""
    if isinstance(expression, mlir.AffineConstantExpr):
        return expression.value, expression.value
    if isinstance(expression, mlir.AffineDimExpr):
        size = sizes[expression.position]
        return None if not size else (0, size - 1)
    left, right = _reach(expression.lhs, sizes), _reach(expression.rhs, sizes)
    if left is None or right is None:
        return None
    if isinstance(expression, mlir.AffineAddExpr):
        return left[0] + right[0], left[1] + right[1]
    ends = [a * b for a in left for b in right]
    return min(ends), max(ends)


def _rewritten(nest: Nest, found: list[tuple[Any, Any]]) -> Any:
    """The operation of ``nest`` with an input for each load of ``found``."""
    old, count = nest.operation, len(nest.inputs)
    operands, maps = list(old.operands), [access.map for access in nest.accesses]
    operands[count:count] = [load.operands[0] for load, _ in found]
    maps[count:count] = [map_ for _, map_ in found]
    attributes = {name: old.attributes[name] for name in old.attributes}
    attributes["indexing_maps"] = mlir.ArrayAttr.get([mlir.AffineMapAttr.get(m) for m in maps])
    segments = [count + len(found), len(nest.outputs)]
    attributes["operandSegmentSizes"] = mlir.DenseI32ArrayAttr.get(segments)
    with mlir.InsertionPoint(old), old.location:
        made = mlir.Operation.create(
            "linalg.generic", operands=operands, attributes=attributes, regions=1
        )
    _move_body(nest.body, made, operands, dict(enumerate(found, count)))
    old.erase()
    return made


def _move_body(
    body: Any, made: Any, operands: list[Any], loads: dict[int, tuple[Any, Any]]
) -> None:
    """Put ``body`` into ``made``, where argument n stands for what ``loads[n]`` loaded."""
    elements = [mlir.MemRefType(value.type).element_type for value in operands]
    block = mlir.Block.create_at_start(made.regions[0], elements, [made.location] * len(elements))
    before = iter(body.arguments)
    for number, argument in enumerate(block.arguments):
        load = loads[number][0] if number in loads else None
        old = load.results[0] if load is not None else next(before)
        old.replace_all_uses_with(argument)
        if load is not None:
            load.erase()
    *operations, end = [op.operation for op in body.operations]
    with mlir.InsertionPoint(block):
        for operation in (*operations, end):
            mlir.InsertionPoint.current.insert(operation.detach_from_parent())
    # Indices are as wide as addresses: left where they are, they would make vectors half as long.
    for operation in reversed(operations):
        if operation.name in _INDICES and not any(list(r.uses) for r in operation.results):
            operation.erase()
