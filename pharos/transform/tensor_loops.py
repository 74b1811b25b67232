"""Loops over elements of tensors, written at the insertion point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pharos import ir
from pharos.ir.bindings import dialect, mlir


def index_constant(value: int) -> Any:
    """An index constant."""
    return dialect("arith").ConstantOp(mlir.IndexType.get(), value).result


def size_of(tensor: Any, dimension: int) -> Any:
    """The size of ``tensor`` along ``dimension`` as an index."""
    shaped = tensor.type
    if not shaped.is_dynamic_dim(dimension):
        return index_constant(shaped.get_dim_size(dimension))
    return dialect("tensor").DimOp(tensor, index_constant(dimension)).result


def loop(
    bounds: tuple[Any, Any, Any],
    carried: Sequence[Any],
    body: Callable[[Any, list[Any]], Sequence[Any]],
) -> list[Any]:
    """``scf.for`` over ``bounds`` (low, high, step); ``body(i, values)`` gives the next values."""
    scf = dialect("scf")
    for_op = scf.ForOp(*bounds, list(carried))
    with mlir.InsertionPoint(for_op.body):
        scf.YieldOp(list(body(for_op.induction_variable, list(for_op.inner_iter_args))))
    return list(for_op.results)


def nest(
    sizes: Sequence[Any],
    carried: Sequence[Any],
    body: Callable[[list[Any], list[Any]], Sequence[Any]],
) -> list[Any]:
    """A loop for each of ``sizes``, the last innermost, around ``body(indices, values)``."""
    if not sizes:
        return list(body([], list(carried)))
    zero, one = index_constant(0), index_constant(1)

    def inside(i: Any, values: list[Any]) -> list[Any]:
        return nest(sizes[1:], values, lambda indices, inner: body([i, *indices], inner))

    return loop((zero, sizes[0], one), carried, inside)


def inlined(block: Any, values: Sequence[Any]) -> list[Any]:
    """Copies of the operations of ``block`` with ``values`` for its arguments: what it yields."""
    known = dict(zip(block.arguments, values, strict=True))
    *operations, end = [operation.operation for operation in block.operations]
    for operation in operations:
        copy = operation.clone()
        for number, operand in enumerate(operation.operands):
            if operand in known:
                copy.operands[number] = known[operand]
        known.update(zip(operation.results, copy.results, strict=True))
    return [known.get(value, value) for value in end.operands]


def each_on_tensors(module: Any, name: str, rewrite: Callable[[Any], None]) -> None:
    """``rewrite`` every operation ``name`` of ``module``. CompileError for one on memrefs."""
    with module.context:
        for operation in ir.operations(module, name):
            if not len(operation.results):
                raise ir.CompileError(
                    f"'{name}' is supported on tensors, found memrefs",
                    span=ir.span_of(operation.location),
                )
            rewrite(operation)
