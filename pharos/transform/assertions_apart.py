"""What the body of a ``linalg.generic`` asserts is checked before it runs.

    linalg.generic {iterators: i, k} ins(%ids) {
      %j = index_cast %id; %ok = cmpi slt, %j, 10; cf.assert %ok, "too large"
      yield tensor.extract %table[%j, index(k)] }
    ==>
    %all = linalg.generic {iterators: i reduction} ins(%ids) outs(true) {
      %j = index_cast %id; %ok = cmpi slt, %j, 10; yield %all and %ok }
    cf.assert %all, "too large"
    linalg.generic {iterators: i, k} ins(%ids) { yield tensor.extract %table[...] }

The check runs over the loops alone that the condition depends on, so the rows of an embedding are
checked once and not once per element; the body computes and fetches, so that it can be vectors and
be shared by threads; and the assertion stands where a failure can end the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir
from pharos.transform.generics import (
    copied,
    index_maps,
    input_count,
    loop_sizes,
    loops_of,
    new_generic,
    renamed,
)


@dataclass(frozen=True)
class AssertionsApart:
    """``cf.assert`` in a body  ==>  a reduction to one bool, and ``cf.assert`` of that."""

    name: ClassVar[str] = "assertions-apart"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place; conditions on what the body fetches or has summed stay."""
        with module.context:
            bodies = [
                one.parent
                for one in operations(module, "cf.assert")
                if one.parent is not None and one.parent.name == "linalg.generic"
            ]
            for generic in dict.fromkeys(bodies):
                if len(generic.results) and 0 not in loop_sizes(generic):
                    _rewrite(generic)
        return module


@dataclass(frozen=True)
class _Check:
    """An assertion, what computes its condition (in order), and the loops and inputs of that."""

    assertion: Any
    body: tuple[Any, ...]
    inputs: tuple[int, ...]
    loops: tuple[int, ...]


def _rewrite(generic: Any) -> None:
    together: dict[Any, list[_Check]] = {}
    for operation in generic.regions[0].blocks[0].operations:
        if operation.operation.name == "cf.assert":
            check = _check(generic, operation.operation)
            if check is not None:
                together.setdefault((check.inputs, check.loops), []).append(check)
    for checks in together.values():
        with mlir.InsertionPoint(generic), generic.location:
            _write(generic, checks)
        for check in checks:
            check.assertion.erase()


def _check(generic: Any, assertion: Any) -> _Check | None:
    """How ``assertion`` may be checked apart; None where its condition is more than arithmetic on
    inputs and loops, or its inputs do not tell how often those run."""
    block, inputs = generic.regions[0].blocks[0], input_count(generic)
    body: list[Any] = []
    arguments: set[int] = set()
    loops: set[int] = set()
    pending = [assertion.operands[0]]
    while pending:
        value = pending.pop()
        if isinstance(value.owner, mlir.Block):
            if value.owner == block:
                number = mlir.BlockArgument(value).arg_number
                if number >= inputs:
                    return None
                arguments.add(number)
                loops |= loops_of(index_maps(generic)[number])
            continue
        owner = value.owner.operation
        if owner.block == block and owner not in body:
            if len(owner.regions) or not owner.name.startswith(("arith.", "linalg.index")):
                return None
            body.append(owner)
            if owner.name == "linalg.index":
                loops.add(owner.attributes["dim"].value)
            pending.extend(owner.operands)
    if not loops <= _told_by(generic, arguments):
        return None
    ordered = tuple(op.operation for op in block.operations if op.operation in body)
    return _Check(assertion, ordered, tuple(sorted(arguments)), tuple(sorted(loops)))


def _told_by(generic: Any, arguments: set[int]) -> set[int]:
    """The loops whose sizes the shapes of those operands are."""
    return {
        expression.position
        for number in arguments
        for expression in index_maps(generic)[number].results
        if isinstance(expression, mlir.AffineDimExpr)
    }


def _write(generic: Any, checks: Sequence[_Check]) -> None:
    """One reduction for ``checks``, whose loops and inputs are the same, and the assertions."""
    inputs, loops = checks[0].inputs, checks[0].loops
    new = {loop: number for number, loop in enumerate(loops)}
    maps = [renamed(index_maps(generic)[number], new) for number in inputs]
    starts = [_true() for _ in checks]
    made = new_generic(
        [*(generic.operands[number] for number in inputs), *starts],
        len(starts),
        [*maps, *[mlir.AffineMap.get(len(new), 0, [])] * len(starts)],
        ["reduction"] * len(new),
    )
    old, block = generic.regions[0].blocks[0], made.regions[0].blocks[0]
    values = {old.arguments[n]: block.arguments[at] for at, n in enumerate(inputs)}
    everything = {op for check in checks for op in check.body}
    with mlir.InsertionPoint(block):
        copied([op.operation for op in old.operations if op.operation in everything], values, new)
        so_far = list(block.arguments)[len(inputs) :]
        conditions = [check.assertion.operands[0] for check in checks]
        found = [
            dialect("arith").andi(before, values.get(one, one))
            for before, one in zip(so_far, conditions, strict=True)
        ]
        mlir.Operation.create("linalg.yield", operands=found)
    for check, result in zip(checks, made.results, strict=True):
        held = mlir.Operation.create(
            "tensor.extract", results=[mlir.IntegerType.get_signless(1)], operands=[result]
        )
        mlir.Operation.create(
            "cf.assert",
            operands=[held.results[0]],
            attributes={"msg": check.assertion.attributes["msg"]},
            loc=check.assertion.location,
        )


def _true() -> Any:
    """A tensor<i1> that holds true."""
    bit = mlir.IntegerType.get_signless(1)
    true = dialect("arith").constant(bit, 1)
    empty = mlir.Operation.create("tensor.empty", results=[mlir.RankedTensorType.get([], bit)])
    return dialect("linalg").fill(true, outs=[empty.results[0]])
