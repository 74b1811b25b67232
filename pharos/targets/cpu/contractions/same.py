"""What decides the code of a contraction: plans with the same description have the same functions.

Networks repeat their layers. To write the functions of a layer takes some 40 ms, and to find in the
end that their text is known; to describe a plan takes less than one.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.cpu.contractions.site import Plan

# Fields of plans that are about what is around the code, not in it.
_AROUND = frozenset({"gone", "unused", "loop"})


class _Unknown(Exception):
    """A value that is neither the plan's, nor of a body, nor a constant."""


def description(plan: Plan) -> Hashable | None:
    """All that the functions of ``plan`` are made from, its outside values by their numbers; None
    where it depends on a value that is none of them."""
    try:
        return (*(str(value.type) for value in plan.values), _Describer(plan.values).of(plan))
    except _Unknown:
        return None


class _Describer:
    """Describes what has ``values`` from outside."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.names: dict[Any, tuple[str, int]] = {}
        for number, value in enumerate(values):
            self.names.setdefault(value, ("value", number))

    def of(self, one: Any) -> Hashable:
        """A part of a plan: numbers, texts, what is made of them, and what MLIR has."""
        if one is None or isinstance(one, (bool, int, float, str)):
            return one
        if isinstance(one, Mapping):
            return tuple((self.of(key), self.of(value)) for key, value in one.items())
        if isinstance(one, (tuple, list)):
            return tuple(map(self.of, one))
        if isinstance(one, mlir.Value):
            return self._value(one)
        if isinstance(one, (mlir.Operation, mlir.OpView)):
            return self._operation(one.operation)
        if is_dataclass(one):
            parts = (getattr(one, f.name) for f in fields(one) if f.name not in _AROUND)
            return (type(one).__name__, *map(self.of, parts))
        return str(one)

    def _value(self, value: Any) -> Hashable:
        if value in self.names:
            return self.names[value]
        owner = value.owner
        if isinstance(owner, mlir.Block) or owner.operation.name != "arith.constant":
            raise _Unknown
        return str(owner.attributes["value"])

    def _operation(self, operation: Any) -> Hashable:
        """The operation with all that is in it, whose values get numbers."""
        for region in operation.regions:
            for block in region.blocks:
                self._name(block.arguments)
        inside = [
            self._operation(op.operation)
            for region in operation.regions
            for block in region.blocks
            for op in block.operations
        ]
        self._name(operation.results)
        # What Pharos notes on operations, motifs and their parameters, has become the plan.
        attributes = {
            name: operation.attributes[name]
            for name in operation.attributes
            if not name.startswith("pharos.")
        }
        return (
            operation.name,
            tuple(self._value(value) for value in operation.operands),
            tuple((name, str(attribute)) for name, attribute in attributes.items()),
            tuple(str(result.type) for result in operation.results),
            *inside,
        )

    def _name(self, values: Any) -> None:
        for value in values:
            self.names.setdefault(value, ("inside", len(self.names)))
