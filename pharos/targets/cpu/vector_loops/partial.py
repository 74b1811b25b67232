"""A reduction to a single number is shared by threads through partial results.

    y[] += f(x[i])   ==>   p[t] = neutral; p[t] += f(x[t, j]); y[] += p[t]

Loops over t are parallel; the sizes are known and t divides the reduction evenly.
"""

from __future__ import annotations

import math
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests.body import Combiner, combiners
from pharos.targets.common.nests.lanes import neutral, scalar
from pharos.targets.common.nests.nest import Access, Nest, expression_uses, read_nest

_MOST_PARTS = 64


def shared(nest: Nest, threads: int, grain: int) -> list[Nest] | None:
    """The nests that ``nest`` becomes, in order; None when it stays as it is.

    The operation of ``nest`` is replaced.
    """
    sizes = [nest.size(d) for d in range(len(nest.parallel))]
    joins = combiners(nest)
    if threads == 1 or joins is None or any(n is None for n in sizes):
        return None
    known = [n or 0 for n in sizes]
    rows = math.prod(n for n, parallel in zip(known, nest.parallel, strict=True) if parallel)
    if rows >= threads or math.prod(known) < 2 * grain or any(map(nest.streamed, nest.outputs)):
        return None
    for dim in nest.reductions:
        parts = _parts(known[dim], threads)
        if parts and not _counts(nest) and all(_plain(a, dim) for a in nest.inputs):
            return _split(nest, dim, parts, joins)
    return None


def _parts(size: int, threads: int) -> int | None:
    """A multiple of ``threads`` that divides ``size``, the smallest; else any divisor."""
    fitting = [n for n in range(2, _MOST_PARTS + 1) if size % n == 0 and size > n]
    even = [n for n in fitting if n % threads == 0]
    return next(iter([*even, *fitting]), None)


def _counts(nest: Nest) -> bool:
    return any(op.operation.name == "linalg.index" for op in nest.body.operations)


def _plain(access: Access, dim: int) -> bool:
    """Whether loop ``dim`` is one dimension of the operand, which can be cut, or none."""
    return access.type.has_static_shape and all(
        isinstance(e, mlir.AffineDimExpr) or not expression_uses(e, dim) for e in access.indices
    )


def _split(nest: Nest, dim: int, parts: int, joins: list[Combiner]) -> list[Nest]:
    old = nest.operation
    outputs = [old.operands[a.operand] for a in nest.outputs]
    with mlir.InsertionPoint(old), old.location:
        partial = [_buffer(a, parts, join) for a, join in zip(nest.outputs, joins, strict=True)]
        inputs = [_cut(old.operands[a.operand], a, dim, parts) for a in nest.inputs]
        first = _first(nest, dim, inputs, partial)
        second = _second(nest, partial, outputs, joins)
        for buffer in partial:
            dialect("memref").DeallocOp(buffer)
    old.regions[0].blocks[0].append_to(first.regions[0])
    old.erase()
    nests = [read_nest(first), read_nest(second)]
    if None in nests:
        raise ValueError("a reduction was cut that no operand shows the size of")
    return [n for n in nests if n is not None]


def _buffer(access: Access, parts: int, join: Combiner) -> Any:
    """Room for one result of each part, filled with the neutral number."""
    kind = mlir.MemRefType.get([parts, *access.type.shape], access.element)
    buffer = dialect("memref").AllocOp(kind, [], []).result
    number = scalar(access.element, neutral(join.kind, access.element))
    map_ = mlir.AffineMap.get_identity(kind.rank)
    fill = _generic([], [buffer], [map_], ["parallel"] * kind.rank)
    block = mlir.Block.create_at_start(fill.regions[0], [access.element], [mlir.Location.unknown()])
    with mlir.InsertionPoint(block):
        mlir.Operation.create("linalg.yield", operands=[number])
    return buffer


def _cut(value: Any, access: Access, dim: int, parts: int) -> Any:
    """``value`` with the dimension that loop ``dim`` walks as two: part, and place within it."""
    at = [isinstance(e, mlir.AffineDimExpr) and e.position == dim for e in access.indices]
    if True not in at:
        return value
    kind, number = value.type, at.index(True)
    size = kind.shape[number] // parts
    shape = [*kind.shape[:number], parts, size, *kind.shape[number + 1 :]]
    layout = None
    if kind.affine_map != mlir.AffineMap.get_identity(kind.rank):
        strides, offset = kind.get_strides_and_offset()
        strides = [*strides[:number], strides[number] * size, *strides[number:]]
        layout = mlir.StridedLayoutAttr.get(offset, strides)
    groups = [[n + (n > number)] for n in range(kind.rank)]
    groups[number] = [number, number + 1]
    result = mlir.MemRefType.get(shape, kind.element_type, layout)
    return dialect("memref").ExpandShapeOp(result, value, groups, [], shape).result


def _first(nest: Nest, dim: int, inputs: list[Any], partial: list[Any]) -> Any:
    """The reduction of each part: loop 0 is the part, the others follow."""
    part, count = mlir.AffineExpr.get_dim(0), len(nest.parallel) + 1
    moved = [mlir.AffineExpr.get_dim(d + 1) for d in range(count - 1)]
    shift = mlir.AffineMap.get(count, 0, moved)
    maps = []
    for access in nest.inputs:
        results = []
        for expression in access.indices:
            if isinstance(expression, mlir.AffineDimExpr) and expression.position == dim:
                results.append(part)
            results.append(expression.compose(shift))
        maps.append(mlir.AffineMap.get(count, 0, results))
    for access in nest.outputs:
        results = [part, *(e.compose(shift) for e in access.indices)]
        maps.append(mlir.AffineMap.get(count, 0, results))
    kinds = ["parallel", *("parallel" if p else "reduction" for p in nest.parallel)]
    return _generic(inputs, partial, maps, kinds)


def _second(nest: Nest, partial: list[Any], outputs: list[Any], joins: list[Combiner]) -> Any:
    """The sum of the parts, added to what is there."""
    rank = len(nest.outputs[0].indices)
    inner = [mlir.AffineExpr.get_dim(d + 1) for d in range(rank)]
    whole = mlir.AffineMap.get_identity(rank + 1)
    out = mlir.AffineMap.get(rank + 1, 0, inner)
    count = len(outputs)
    kinds = ["reduction", *["parallel"] * rank]
    generic = _generic(partial, outputs, [whole] * count + [out] * count, kinds)
    elements = [access.element for access in nest.outputs] * 2
    places = [mlir.Location.unknown()] * len(elements)
    block = mlir.Block.create_at_start(generic.regions[0], elements, places)
    with mlir.InsertionPoint(block):
        results = [
            mlir.Operation.create(
                join.operation,
                results=[nest.outputs[n].element],
                operands=[block.arguments[count + n], block.arguments[n]],
            ).results[0]
            for n, join in enumerate(joins)
        ]
        mlir.Operation.create("linalg.yield", operands=results)
    return generic


def _generic(inputs: list[Any], outputs: list[Any], maps: list[Any], kinds: list[str]) -> Any:
    attributes = {
        "indexing_maps": mlir.ArrayAttr.get([mlir.AffineMapAttr.get(m) for m in maps]),
        "iterator_types": mlir.ArrayAttr.get(
            [mlir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]
        ),
        "operandSegmentSizes": mlir.DenseI32ArrayAttr.get([len(inputs), len(outputs)]),
    }
    return mlir.Operation.create(
        "linalg.generic", operands=[*inputs, *outputs], attributes=attributes, regions=1
    )
