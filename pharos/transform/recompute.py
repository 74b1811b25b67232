"""Cheap elementwise results that several operations read are computed again by each of them.

    %d = x - mean;  %v = sum %d * %d;  %y = %d * scale
      ==>
    %d = x - mean;  %v = sum %d * %d;  %e = x - mean;  %y = %e * scale

Fusion then puts each copy into its reader, and the result, as large as x, is never written. Readers
that multiply two operands (products, convolutions) read each element often: for them nothing is
computed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import mlir

# Operations in a body that take about a cycle for a vector. A quotient of two numbers of a row,
# which is the same for all elements, does too.
_CHEAP = frozenset(
    f"arith.{name}"
    for name in ("addf", "subf", "mulf", "negf", "addi", "subi", "extf", "truncf", "sitofp")
)
_MOST_OPERATIONS = 4
_MOST_READERS = 4


@dataclass(frozen=True)
class Recompute:
    """Copy cheap ``linalg.generic`` operations on tensors for each of their readers."""

    name: ClassVar[str] = "recompute"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            generics = operations(module, "linalg.generic")
            # All are chosen first: a copy gives what it reads one more reader.
            for operation in [found for found in generics if _cheap(found) and _read_often(found)]:
                _copy_for_readers(operation)
        return module


def _copy_for_readers(operation: Any) -> None:
    """All readers but one get a copy, right before them."""
    places: dict[Any, list[int]] = {}
    for use in operation.results[0].uses:
        places.setdefault(use.owner.operation, []).append(use.operand_number)
    for reader, numbers in list(places.items())[1:]:
        with mlir.InsertionPoint(reader), operation.location:
            copy = operation.clone().results[0]
        for number in numbers:
            reader.operands[number] = copy


def _cheap(operation: Any) -> bool:
    """Whether ``operation`` computes little, each element from one of its large inputs."""
    if len(operation.results) != 1 or not _elementwise(operation):
        return False
    *body, _ = [op.operation for op in operation.regions[0].blocks[0].operations]
    if not body or len(body) > _MOST_OPERATIONS:
        return False
    rows = _row_arguments(operation)
    if any(op.name not in _CHEAP and not _of_a_row(op, rows) for op in body):
        return False
    inputs = len(operation.operands) - 1
    return inputs - len(rows) == 1


def _of_a_row(operation: Any, rows: list[Any]) -> bool:
    """Whether ``operation`` divides what belongs to a row by a constant or such a thing."""
    return operation.name == "arith.divf" and all(
        value in rows or (not isinstance(value.owner, mlir.Block) and _outside(value, operation))
        for value in operation.operands
    )


def _outside(value: Any, operation: Any) -> bool:
    return bool(value.owner.operation.block != operation.block)


def _row_arguments(operation: Any) -> list[Any]:
    """Arguments of the body that do not change along the last dimension of the result."""
    maps = [attribute.value for attribute in operation.attributes["indexing_maps"]]
    last = operation.results[0].type.rank - 1
    arguments = operation.regions[0].blocks[0].arguments
    return [
        arguments[number]
        for number, map_ in enumerate(maps[:-1])
        if all(_without(expression, last) for expression in map_.results)
    ]


def _without(expression: Any, dim: int) -> bool:
    if isinstance(expression, mlir.AffineConstantExpr):
        return True
    return isinstance(expression, mlir.AffineDimExpr) and expression.position != dim


def _elementwise(operation: Any) -> bool:
    kinds = [str(kind) for kind in operation.attributes["iterator_types"]]
    maps = [attribute.value for attribute in operation.attributes["indexing_maps"]]
    rank = operation.results[0].type.rank
    whole = rank > 0 and maps[-1] == mlir.AffineMap.get_identity(rank)
    return whole and all("parallel" in kind for kind in kinds)


def _read_often(operation: Any) -> bool:
    """Whether several operations, which fusion can put a copy into, are the only readers."""
    uses = list(operation.results[0].uses)
    readers = {use.owner.operation for use in uses}
    return 2 <= len(readers) <= _MOST_READERS and all(_takes(use) for use in uses)


def _takes(use: Any) -> bool:
    reader = use.owner.operation
    if reader.name != "linalg.generic" or len(reader.results) < 1:
        return False
    inputs = reader.attributes["operandSegmentSizes"][0]
    kinds = [str(kind) for kind in reader.attributes["iterator_types"]]
    product = inputs > 1 and any("reduction" in kind for kind in kinds)
    return use.operand_number < inputs and not product
