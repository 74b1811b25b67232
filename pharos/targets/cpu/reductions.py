"""Parallel loops whose reduction OpenMP has no form for run on one thread.

MLIR converts a reduction to OpenMP when it is one add, multiply or bit operation on a type with
an atomic form; minimum, maximum, bf16 sums and whatever a program writes are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir

_OPERATIONS = frozenset(
    f"arith.{name}" for name in ("addf", "mulf", "addi", "muli", "andi", "ori", "xori")
)
_TYPES = frozenset({"f16", "f32", "f64", "i8", "i16", "i32", "i64"})


@dataclass(frozen=True)
class SerialReductions:
    """``scf.parallel`` with such a reduction  ==>  a nest of ``scf.for`` that carries it."""

    name: ClassVar[str] = "serial-reductions"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        found = [
            operation for operation in operations(module, "scf.parallel") if len(operation.results)
        ]
        with module.context:
            for operation in found:
                reducers = [region.blocks[0] for region in _reduce(operation).regions]
                if not all(map(_is_simple, reducers)):
                    _make_serial(operation)
                    continue
                for reducer in reducers:
                    _put_in_order(reducer)
        return module


def _is_simple(reducer: Any) -> bool:
    operations = [operation.operation for operation in reducer.operations]
    return (
        len(operations) == 2
        and operations[0].name in _OPERATIONS
        and str(operations[0].results[0].type) in _TYPES
        and operations[1].operands[0] == operations[0].results[0]
        and set(operations[0].operands) == set(reducer.arguments)
    )


def _put_in_order(reducer: Any) -> None:
    # MLIR knows ``lhs op rhs`` but not ``rhs op lhs``; these operations commute.
    operation = reducer.operations[0].operation
    for number, argument in enumerate(reducer.arguments):
        operation.operands[number] = argument


def _reduce(parallel: Any) -> Any:
    """The scf.reduce at the end of the body."""
    *_, last = parallel.regions[0].blocks[0].operations
    return last.operation


def _make_serial(parallel: Any) -> None:
    segments = list(parallel.attributes["operandSegmentSizes"])
    operands = iter(parallel.operands)
    lows, highs, steps, values = ([next(operands) for _ in range(n)] for n in segments)
    with mlir.InsertionPoint(parallel), parallel.location:
        results = _nest(parallel, list(zip(lows, highs, steps, strict=True)), [], values)
    for old, new in zip(parallel.results, results, strict=True):
        old.replace_all_uses_with(new)
    parallel.erase()


def _nest(parallel: Any, bounds: list[Any], indices: list[Any], values: list[Any]) -> list[Any]:
    """The loops over ``bounds`` inside those with ``indices``; what they carry starts as
    ``values``. Returns what they carry out."""
    if not bounds:
        return _inlined(parallel, indices, values)
    scf = dialect("scf")
    loop = scf.ForOp(*bounds[0], values)
    with mlir.InsertionPoint(loop.body):
        inner = [*indices, loop.induction_variable]
        scf.YieldOp(_nest(parallel, bounds[1:], inner, list(loop.inner_iter_args)))
    return list(loop.results)


def _inlined(parallel: Any, indices: list[Any], values: list[Any]) -> list[Any]:
    """The body of ``parallel`` at the insertion point, then its reducers."""
    reduce = _reduce(parallel)
    results = []
    _move_body(parallel.regions[0].blocks[0], indices)
    for region, value, operand in zip(reduce.regions, values, reduce.operands, strict=True):
        end = _move_body(region.blocks[0], [value, operand])
        results.append(end.operands[0])
    return results


def _move_body(block: Any, arguments: list[Any]) -> Any:
    """Move all but the last operation of ``block`` to the insertion point; returns the last."""
    for old, new in zip(block.arguments, arguments, strict=True):
        old.replace_all_uses_with(new)
    *body, end = [operation.operation for operation in block.operations]
    for operation in body:
        mlir.InsertionPoint.current.insert(operation.detach_from_parent())
    return end
