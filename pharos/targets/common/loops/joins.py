"""How partial results of a reduction are joined, and what a body gives to be joined.

Sums and products are of any order; those of f16 and bf16 are made in f32, as eager PyTorch does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.loops.body import Body
from pharos.targets.common.nests.body import Combiner, broadcast, combiners
from pharos.targets.common.nests.lanes import neutral
from pharos.targets.common.nests.nest import Nest

_SIGNED = frozenset({"add", "mul", "maxsi", "minsi"})
_CONTRACT = "#arith.fastmath<contract>"


@dataclass(frozen=True)
class Join:
    """How partial results of elements of type ``element`` are joined by ``combiner``."""

    combiner: Combiner
    element: Any

    @property
    def wide(self) -> Any:
        """The type of partial results: at least 32 bits."""
        if isinstance(self.element, mlir.FloatType):
            return self.element if self.element.width >= 32 else mlir.F32Type.get()
        if isinstance(self.element, mlir.IndexType):
            return self.element
        return mlir.IntegerType.get_signless(max(32, self.element.width))

    def start(self, width: int) -> Any:
        """What nothing has been joined to yet; a vector for ``width`` above one."""
        number = neutral(self.combiner.kind, self.element)
        is_float = isinstance(self.element, mlir.FloatType)
        kind = mlir.FloatAttr if is_float else mlir.IntegerAttr
        value = dialect("arith").ConstantOp(self.wide, kind.get(self.wide, number)).result
        return broadcast(value, width) if width > 1 else value

    def widened(self, value: Any) -> Any:
        """``value``, a number or a vector, as partial results are."""
        if self.wide == self.element:
            return value
        arith, kind = dialect("arith"), _like(value.type, self.wide)
        if isinstance(self.element, mlir.FloatType):
            return arith.extf(kind, value)
        signed = self.combiner.kind in _SIGNED
        return arith.extsi(kind, value) if signed else arith.extui(kind, value)

    def narrowed(self, value: Any) -> Any:
        """A partial result, a number or a vector, as elements."""
        if self.wide == self.element:
            return value
        arith, kind = dialect("arith"), _like(value.type, self.element)
        if isinstance(self.element, mlir.FloatType):
            return arith.truncf(kind, value)
        return arith.trunci(kind, value)

    def __call__(self, left: Any, right: Any) -> Any:
        """The two joined, numbers or vectors."""
        attributes = {}
        if self.combiner.operation in ("arith.addf", "arith.mulf"):
            # A product that is added becomes one fused multiply-add.
            attributes["fastmath"] = mlir.Attribute.parse(_CONTRACT)
        return mlir.Operation.create(
            self.combiner.operation,
            results=[left.type],
            operands=[left, right],
            attributes=attributes,
        ).results[0]

    def lanes(self, value: Any) -> Any:
        """The lanes of a vector joined; numbers are returned as they are."""
        if not isinstance(value.type, mlir.VectorType):
            return value
        vector = dialect("vector")
        parts = [vector.extract(value, [], [n]) for n in range(value.type.shape[0])]
        while len(parts) > 1:
            parts = [self(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]
        return parts[0]


def _like(type_: Any, element: Any) -> Any:
    is_vector = isinstance(type_, mlir.VectorType)
    return mlir.VectorType.get(type_.shape, element) if is_vector else element


def joins_of(nest: Nest) -> list[Join] | None:
    """How each output of the reduction ``nest`` is joined; None where order matters."""
    found = combiners(nest)
    if found is None or any(map(nest.streamed, nest.outputs)) or not nest.reductions:
        return None
    return [Join(c, output.element) for c, output in zip(found, nest.outputs, strict=True)]


def carried(nest: Nest) -> list[int]:
    """The outputs that a reduction loop carries on; the others are a scan's lists."""
    return [n for n, output in enumerate(nest.outputs) if not nest.streamed(output)]


def joins_of_carried(nest: Nest) -> list[Join] | None:
    """How each carried output of a scan is joined; None where order matters."""
    found = combiners(nest)
    if found is None or not nest.reductions:
        return None
    outputs = [nest.outputs[n] for n in carried(nest)]
    return [Join(c, output.element) for c, output in zip(found, outputs, strict=True)]


def terms(
    body: Body, inputs: Sequence[Any], index_of: Callable[[int], Any], width: int = 1
) -> list[Any]:
    """What one iteration gives to each carried output's join, on all lanes of ``width``."""
    nest = body.nest
    end = list(nest.body.operations)[-1].operation
    numbers = carried(nest)
    owners = {n: end.operands[n].owner for n in numbers}
    arguments = [*inputs, *[None] * len(nest.outputs)]
    built = body.build(arguments, index_of, width, frozenset(owners.values()))
    found = []
    for n, owner in owners.items():
        previous = nest.body.arguments[len(nest.inputs) + n]
        term = owner.operands[1 if owner.operands[0] == previous else 0]
        value = built.get(term, term)
        found.append(broadcast(value, width) if width > 1 else value)
    return found
