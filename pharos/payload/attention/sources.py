"""Factors of a product followed back to where they lie in memory.

    K -> transpose -> times 0.35 -> collapse heads -> product      (K, its place, 0.35)

What only moves elements, repeats them (keys that heads share), widens them or multiplies them
with a number is followed back; everything else is computed before, as it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.payload.attention.places import Dimension, Place, reached, reshaped
from pharos.payload.bodies import scalar_constant
from pharos.payload.graph import Node, Read
from pharos.payload.maps import element_of, shape_of
from pharos.payload.structured import Structured

_WIDER = {"f32": ("f16", "bf16", "f32"), "bf16": ("bf16",), "f16": ("f16",)}


@dataclass(frozen=True)
class Source:
    """An operand: ``value``, the place of the element that is needed, the number it is multiplied
    with, and the nodes between it and the product."""

    value: Any
    place: Place
    factor: float = 1.0
    nodes: tuple[Node, ...] = ()

    @property
    def dtype(self) -> str:
        """The element type by name."""
        return element_of(self.value.type)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of its dimensions in order, all digits in a row."""
        return tuple(digit[0] for digits in self.place for digit in digits)

    @property
    def clean(self) -> bool:
        """Whether each dimension is one digit."""
        return all(len(digits) == 1 for digits in self.place)


def source_of(read: Read, place: Place, scaled: bool = True) -> Source:
    """Where the element ``place`` of ``read`` comes from. Of several values on the way back that
    hold the same elements the first one that needs no reshape, else the first of all.

    Numbers that it is multiplied with are followed only if ``scaled``.
    """
    here = Source(read.value, place)
    found = here if here.clean else None
    while True:
        before = _before(read, here, scaled)
        if before is None:
            return found or here
        read, here = before
        if here.clean:
            found = here


def _before(read: Read, here: Source, scaled: bool) -> tuple[Read, Source] | None:
    node = read.node
    if node is None or not read.same:
        return None
    if node.name in ("tensor.expand_shape", "tensor.collapse_shape"):
        place = reshaped(node.operation, here.place)
        if place is None:
            return None
        return _step(node, node.reads[0], place, here, 1.0)
    nest = node.structured
    if nest is None or nest.reductions or nest.inputs != 1 or len(nest.outputs) != 1:
        return None
    factor = _factor(nest)
    place = _moved(nest, here.place) if factor is not None else None
    if place is None or factor is None or (factor != 1 and not scaled):
        return None
    source = node.reads[0]
    if element_of(source.value.type) not in _WIDER.get(here.dtype, ()):
        return None
    return _step(node, source, place, here, factor)


def _step(node: Node, read: Read, place: Place, here: Source, factor: float) -> tuple[Read, Source]:
    return read, Source(read.value, place, here.factor * factor, (*here.nodes, node))


def _moved(nest: Structured, place: Place) -> Place | None:
    loops: list[Dimension | None] = [None] * nest.loops
    for index, digits in zip(nest.outputs[0], place, strict=True):
        if index is None or (index.terms and index.loop is None):
            return None
        if index.loop is not None:
            loops[index.loop] = digits
    found: Place | None = reached(nest.accesses[0], loops, shape_of(nest.operands[0].type))
    return found


def _factor(nest: Structured) -> float | None:
    """The number that the body multiplies its input with; None when it does something else."""
    known: dict[Any, float] = {nest.body.arguments[0]: 1.0}
    operations = [one.operation for one in nest.body.operations]
    for operation in operations[:-1]:
        result = operation.results[0]
        if _number(result) is not None:
            continue
        if operation.name == "arith.extf" and operation.operands[0] in known:
            known[result] = known[operation.operands[0]]
        elif operation.name == "arith.mulf":
            left, right = operation.operands
            one, number = (left, _number(right)) if left in known else (right, _number(left))
            if one not in known or number is None:
                return None
            known[result] = known[one] * number
        else:
            return None
    return known.get(operations[-1].operands[0])


def _number(value: Any) -> float | None:
    """A constant, also one that is rounded to a narrower type first."""
    owner = value.owner
    if not isinstance(owner, mlir.Block) and owner.name in ("arith.truncf", "arith.extf"):
        return _number(owner.operands[0])
    return scalar_constant(value)
