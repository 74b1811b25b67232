"""Neighbouring loops that walk memory as one loop become one loop.

    y[n, c, h, w] = f(x[n, c, h, w], b[n, c])   ==>   y[nc, hw] = f(x[nc, hw], b[nc])

on ``memref.collapse_shape`` of the operands. A plane of 7 x 7 then fills vectors.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests.nest import DYNAMIC, Access, Nest, expression_uses, read_nest


def coalesced(nest: Nest, leading: int = 0) -> Nest:
    """``nest`` with as few loops as its operands allow; its operation is replaced.

    The first ``leading`` loops, which ``can_merge``, become one and stay apart from the rest.
    """
    count = len(nest.parallel)
    runs: list[list[int]] = [list(range(leading))] if leading else []
    for dim in range(leading, count):
        last = runs[-1] if runs and (len(runs) > 1 or not leading) else None
        if last is not None and can_merge(nest, [*last, dim]):
            last.append(dim)
        else:
            runs.append([dim])
    return nest if len(runs) == count else _rewritten(nest, runs)


def can_merge(nest: Nest, dims: list[int]) -> bool:
    """Whether the loops ``dims``, neighbours in order, walk every operand as one loop would."""
    if len(dims) == 1:
        return True
    return (
        len({nest.parallel[d] for d in dims}) == 1
        and not any(_counts(nest, d) for d in dims)
        and all(_walks_as_one(access, dims) for access in nest.accesses)
    )


def _counts(nest: Nest, dim: int) -> bool:
    """Whether the body asks for the number of the iteration of loop ``dim``."""
    return any(
        op.operation.name == "linalg.index" and op.operation.attributes["dim"].value == dim
        for op in nest.body.operations
    )


def _walks_as_one(access: Access, dims: list[int]) -> bool:
    if not any(access.uses(d) for d in dims):
        return True
    start = _position(access, dims[0])
    if start is None or start + len(dims) > len(access.indices):
        return False
    for number, expression in enumerate(access.indices):
        inside = 0 <= number - start < len(dims)
        if inside and not _is(expression, dims[number - start]):
            return False
        if not inside and any(expression_uses(expression, d) for d in dims):
            return False
    return _dense(access.type, start, len(dims))


def _position(access: Access, dim: int) -> int | None:
    return next((n for n, e in enumerate(access.indices) if _is(e, dim)), None)


def _is(expression: Any, dim: int) -> bool:
    return isinstance(expression, mlir.AffineDimExpr) and expression.position == dim


def _dense(type_: Any, start: int, count: int) -> bool:
    """Whether these dimensions of a memref follow each other without gaps."""
    if type_.affine_map == mlir.AffineMap.get_identity(type_.rank):
        return True
    strides, _ = type_.get_strides_and_offset()
    return all(
        DYNAMIC not in (strides[n], strides[n + 1], type_.shape[n + 1])
        and strides[n] == strides[n + 1] * type_.shape[n + 1]
        for n in range(start, start + count - 1)
    )


def _rewritten(nest: Nest, runs: list[list[int]]) -> Nest:
    """The nest of a new operation with one loop for each of ``runs``; the old one is erased."""
    old = nest.operation
    number = {d: n for n, run in enumerate(runs) for d in run}
    with mlir.InsertionPoint(old), old.location:
        operands, maps = [], []
        for access, value in zip(nest.accesses, old.operands, strict=True):
            groups = _groups(access, runs)
            operands.append(_collapsed(value, groups))
            results = [_renumbered(access.indices[g[0]], number) for g in groups]
            maps.append(mlir.AffineMap.get(len(runs), 0, results))
        attributes = {name: old.attributes[name] for name in old.attributes}
        attributes["indexing_maps"] = mlir.ArrayAttr.get([mlir.AffineMapAttr.get(m) for m in maps])
        kinds = list(attributes["iterator_types"])
        attributes["iterator_types"] = mlir.ArrayAttr.get([kinds[run[0]] for run in runs])
        new = mlir.Operation.create(
            "linalg.generic", operands=operands, attributes=attributes, regions=1
        )
    body = old.regions[0].blocks[0]
    body.append_to(new.regions[0])
    for op in body.operations:
        if op.operation.name == "linalg.index":
            at = number[op.operation.attributes["dim"].value]
            kind = mlir.IntegerType.get_signless(64)
            op.operation.attributes["dim"] = mlir.IntegerAttr.get(kind, at)
    old.erase()
    found = read_nest(new)
    if found is None:
        raise ValueError("loops were merged that no operand shows the size of")
    return replace(found, start=nest.start)


def _groups(access: Access, runs: list[list[int]]) -> list[list[int]]:
    """The dimensions of the memref, those that become one together."""
    first = {run[0]: len(run) for run in runs}
    groups, at = [], 0
    while at < len(access.indices):
        expression = access.indices[at]
        count = 1
        if isinstance(expression, mlir.AffineDimExpr):
            count = first.get(expression.position, 1)
        groups.append(list(range(at, at + count)))
        at += count
    return groups


def _collapsed(value: Any, groups: list[list[int]]) -> Any:
    if all(len(g) == 1 for g in groups):
        return value
    kind = value.type
    shape = []
    for group in groups:
        sizes = [kind.shape[n] for n in group]
        known = all(n >= 0 for n in sizes)
        shape.append(math.prod(sizes) if known else mlir.ShapedType.get_dynamic_size())
    layout = None
    if kind.affine_map != mlir.AffineMap.get_identity(kind.rank):
        strides, offset = kind.get_strides_and_offset()
        layout = mlir.StridedLayoutAttr.get(offset, [strides[_moving(kind, g)] for g in groups])
    result = mlir.MemRefType.get(shape, kind.element_type, layout, kind.memory_space)
    return dialect("memref").CollapseShapeOp(result, value, groups).result


def _moving(kind: Any, group: list[int]) -> int:
    """The last dimension of ``group`` that is not of size one: its stride is that of the group."""
    return next((n for n in reversed(group) if kind.shape[n] != 1), group[0])


def _renumbered(expression: Any, number: dict[int, int]) -> Any:
    """``expression`` in terms of the merged loops."""
    if isinstance(expression, mlir.AffineConstantExpr):
        return expression
    if isinstance(expression, mlir.AffineDimExpr):
        return mlir.AffineExpr.get_dim(number[expression.position])
    left, right = (_renumbered(e, number) for e in (expression.lhs, expression.rhs))
    if isinstance(expression, mlir.AffineAddExpr):
        return left + right
    if isinstance(expression, mlir.AffineMulExpr):
        return left * right
    build = {
        mlir.AffineModExpr: mlir.AffineExpr.get_mod,
        mlir.AffineFloorDivExpr: mlir.AffineExpr.get_floor_div,
        mlir.AffineCeilDivExpr: mlir.AffineExpr.get_ceil_div,
    }
    return build[type(expression)](left, right)
