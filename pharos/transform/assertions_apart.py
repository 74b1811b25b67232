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
    loop_sizes,
    new_generic,
    renamed,
    slice_of,
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
    found = slice_of(generic, [assertion.operands[0]], ("arith.", "linalg.index"))
    if found is None or not set(found.loops) <= _told_by(generic, found.inputs):
        return None
    return _Check(assertion, found.body, found.inputs, found.loops)


def _told_by(generic: Any, arguments: Sequence[int]) -> set[int]:
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
