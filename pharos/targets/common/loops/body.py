"""The scalar body of a nest, rebuilt inside a kernel on numbers or on vectors.

Beside arithmetic a body may load from memory (gathers) and assert: a failed assertion traps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests.body import broadcast, rebuild
from pharos.targets.common.nests.nest import Nest

_LOAD, _ASSERT, _INDEX = "memref.load", "cf.assert", "linalg.index"


def supported(nest: Nest) -> bool:
    """Whether every operation of the body can be rebuilt."""
    return all(
        (op.name.split(".")[0] in ("arith", "math") or op.name in (_LOAD, _ASSERT, _INDEX))
        and not len(op.regions)
        for op in _operations(nest)[:-1]
    )


def scalar_only(nest: Nest) -> bool:
    """Whether the body has operations without a meaning on vectors."""
    return any(op.name in (_LOAD, _ASSERT) for op in live(nest))


def live(nest: Nest) -> list[Any]:
    """The operations of the body whose results matter, in order, without the last."""
    *operations, end = _operations(nest)
    wanted = set(end.operands)
    kept = []
    for op in reversed(operations):
        if op.name == _ASSERT or wanted.intersection(op.results):
            wanted.update(op.operands)
            kept.append(op)
    return kept[::-1]


def live_arguments(nest: Nest) -> set[int]:
    """The numbers of the body's arguments whose values matter."""
    wanted = set(_operations(nest)[-1].operands)
    for op in live(nest):
        wanted.update(op.operands)
    return {n for n, argument in enumerate(nest.body.arguments) if argument in wanted}


def indexed_loops(nest: Nest) -> set[int]:
    """The loops whose iteration number the body asks for."""
    return {op.attributes["dim"].value for op in live(nest) if op.name == _INDEX}


def captured(nest: Nest) -> list[Any]:
    """Values from outside that the body uses, and what its outputs start with; no constants."""
    return [value for value in _outside(nest) if not is_constant(value)]


def is_constant(value: Any) -> bool:
    """Whether ``value`` is a number known now."""
    owner = value.owner
    return not isinstance(owner, mlir.Block) and owner.name == "arith.constant"


def _outside(nest: Nest) -> list[Any]:
    inside = set(nest.body.arguments)
    found: list[Any] = []
    for op in (*live(nest), _operations(nest)[-1]):
        found += [value for value in op.operands if value not in inside]
        inside.update(op.results)
    return list(dict.fromkeys([*found, *nest.start.values()]))


def constants(nest: Nest) -> list[Any]:
    """The constants from outside that a kernel for ``nest`` needs copies of."""
    return [value for value in _outside(nest) if is_constant(value)]


def _operations(nest: Nest) -> list[Any]:
    return [op.operation for op in nest.body.operations]


def start_of(nest: Nest, operand: int, outside: Mapping[Any, Any]) -> Any:
    """What stands inside the kernel for the number that ``operand`` starts with; None for none.

    A loop of one iteration that is left out takes no part of this: a reduction over it has a start.
    """
    start = nest.start.get(operand)
    return None if start is None else outside.get(start, start)


class Body:
    """Builds the body of ``nest`` at the insertion point.

    ``outside`` maps values from outside the kernel to those that stand for them inside.
    """

    def __init__(self, nest: Nest, outside: dict[Any, Any]) -> None:
        self.nest = nest
        self._outside = outside

    def build(
        self,
        arguments: list[Any],
        index_of: Callable[[int], Any],
        width: int = 1,
        leave_out: frozenset[Any] = frozenset(),
    ) -> dict[Any, Any]:
        """What every value of the body is, for ``arguments`` (None for those without use).

        ``index_of(dim)`` is the number of the iteration of loop ``dim``, a vector where the
        vectors of ``width`` lanes run along that loop. Operations in ``leave_out`` are not built.
        """
        values = dict(self._outside)
        pairs = zip(self.nest.body.arguments, arguments, strict=True)
        values.update({formal: value for formal, value in pairs if value is not None})
        for op in live(self.nest):
            if op in leave_out:
                continue
            if op.name == _INDEX:
                values[op.results[0]] = index_of(op.attributes["dim"].value)
            elif op.name == _ASSERT:
                with op.location:
                    _assert(values.get(op.operands[0], op.operands[0]))
            else:
                values.update(zip(op.results, rebuild(op, values, width), strict=True))
        return values

    def yields(self, values: dict[Any, Any], width: int = 1) -> list[Any]:
        """What the body yields, on vectors where ``width`` is more than one."""
        end = _operations(self.nest)[-1]
        found = [values.get(v, v) for v in end.operands]
        return [broadcast(v, width) for v in found] if width > 1 else found


def _assert(condition: Any) -> None:
    arith, scf = dialect("arith"), dialect("scf")
    true = arith.ConstantOp(condition.type, mlir.IntegerAttr.get(condition.type, 1)).result
    if_op = scf.IfOp(arith.xori(condition, true))
    with mlir.InsertionPoint(if_op.then_block):
        mlir.Operation.create("llvm.intr.trap")
        scf.YieldOp([])
