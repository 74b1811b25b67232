"""Reductions of the same inputs over the same loops become one with several results.

    %s = sum x - m;  %v = sum (x - m)^2
      ==>
    %s, %v = sum x - m, (x - m)^2

What both read is then read once. Only where everything is read at the same places, so that each
result is what it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import mlir
from pharos.transform.generics import copied, index_maps, input_count, loop_kinds, new_generic

# Outputs of one reduction: each has several registers of partial results.
_MOST_RESULTS = 4


@dataclass(frozen=True)
class JointSums:
    """Join ``linalg.generic`` reductions on tensors that read the same."""

    name: ClassVar[str] = "joint-sums"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            alike: dict[Any, list[Any]] = {}
            for operation in operations(module, "linalg.generic"):
                if _reduces(operation):
                    alike.setdefault(_key(operation), []).append(operation)
            for group in alike.values():
                while len(group) > 1:
                    first, *others = group
                    taken = [first, *(o for o in others if _ready(o, first))][:_MOST_RESULTS]
                    group = [o for o in others if o not in taken]
                    if len(taken) > 1:
                        _join(taken)
        return module


def _reduces(operation: Any) -> bool:
    return (
        len(operation.results) == 1
        and "reduction" in loop_kinds(operation)
        and not any(len(op.operation.regions) for op in operation.regions[0].blocks[0].operations)
    )


def _key(operation: Any) -> Any:
    """Equal for operations that may be joined: block, loops, what they read and at what places,
    and where results are stored."""
    inputs = input_count(operation)
    maps = index_maps(operation)
    return (
        operation.block,
        tuple(loop_kinds(operation)),
        tuple(operation.operands)[:inputs],
        tuple(map(str, maps)),
        str(operation.results[0].type),
    )


def _ready(other: Any, first: Any) -> bool:
    """Whether what ``other`` starts from is there, or can be, where ``first`` stands."""
    start = other.operands[len(other.operands) - 1]
    if isinstance(start.owner, mlir.Block):
        return True
    owner = start.owner.operation
    return owner.block != first.block or owner.is_before_in_block(first)


def _again(start: Any, place: Any) -> Any:
    """``start`` computed again before ``place``: two results do not begin in the same memory, and
    what is filled with one number is not copied."""
    owner = start.owner
    if isinstance(owner, mlir.Block) or owner.name != "linalg.generic" or input_count(owner):
        return start
    with mlir.InsertionPoint(place):
        return owner.operation.clone().results[0]


def _join(group: list[Any]) -> None:
    """One operation, where the first of ``group`` is, for all of them."""
    first = group[0]
    inputs = input_count(first)
    starts: list[Any] = []
    for operation in group:
        start = operation.operands[inputs]
        starts.append(_again(start, first) if start in starts else start)
    maps = index_maps(first)
    with mlir.InsertionPoint(first), first.location:
        made = new_generic(
            [*list(first.operands)[:inputs], *starts],
            len(group),
            [*maps[:inputs], *[maps[inputs]] * len(group)],
            loop_kinds(first),
        )
    block = made.regions[0].blocks[0]
    same = {dim: dim for dim in range(len(loop_kinds(first)))}
    yields = []
    with mlir.InsertionPoint(block):
        for number, operation in enumerate(group):
            body = operation.regions[0].blocks[0]
            arguments = [*list(block.arguments)[:inputs], block.arguments[inputs + number]]
            values = dict(zip(body.arguments, arguments, strict=True))
            *steps, end = [op.operation for op in body.operations]
            copied(steps, values, same)
            value = end.operands[0]
            yields.append(values.get(value, value))
        mlir.Operation.create("linalg.yield", operands=yields, loc=first.location)
    for operation, result in zip(group, made.results, strict=True):
        operation.results[0].replace_all_uses_with(result)
        operation.erase()
