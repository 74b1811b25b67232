"""What a reduction reads by computed places is gathered before it.

    linalg.generic {iterators: i, n parallel, k reduction} ins(%w) {
      %j = 31 - index(i); %x = tensor.extract %t[%j, index(k)]; yield out + %x * w }
    ==>
    %g = linalg.generic {iterators: i, k parallel} { ...; yield tensor.extract %t[...] }
    linalg.generic {iterators: i, n parallel, k reduction} ins(%w, %g) { yield out + g * w }

Fusion of elementwise operations moves a flip or an embedding into the product that follows, where
each element is fetched once per column, and the product is no plain contraction any more. A gather
that moves along all loops of its reduction stays: it is done once per element there, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import mlir
from pharos.transform.generics import (
    copied,
    index_maps,
    input_count,
    loop_kinds,
    loop_sizes,
    new_generic,
    projection,
    renamed,
    slice_of,
)


@dataclass(frozen=True)
class GathersApart:
    """``tensor.extract`` in a reduction  ==>  an operand, made by a ``linalg.generic``."""

    name: ClassVar[str] = "gathers-apart"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place; operations with unknown sizes are left."""
        with module.context:
            for operation in operations(module, "linalg.generic"):
                if _reduces(operation) and _plain(operation):
                    _rewrite(operation)
        return module


@dataclass(frozen=True)
class _Gather:
    """An extract, what computes its places (in order), the inputs and the loops it depends on."""

    extract: Any
    body: tuple[Any, ...]
    inputs: tuple[int, ...]
    loops: tuple[int, ...]


def _rewrite(generic: Any) -> None:
    sizes = loop_sizes(generic)
    if 0 in sizes:
        return  # nothing is fetched, wherever the places may point
    gathers = [g for e in _extracts(generic) if (g := _gather(generic, e)) is not None]
    gathers = [g for g in gathers if all(sizes[loop] is not None for loop in g.loops)]
    if not gathers:
        return
    with mlir.InsertionPoint(generic), generic.location:
        tensors = [_gathered(generic, gather, sizes) for gather in gathers]
        _replace(generic, gathers, tensors)


def _gather(generic: Any, extract: Any) -> _Gather | None:
    """How ``extract`` may be done apart; None where it depends on all loops, or on what the
    reduction has so far."""
    found = slice_of(generic, list(extract.operands), ("arith.", "linalg."))
    if found is None or len(found.loops) == len(loop_kinds(generic)):
        return None
    return _Gather(extract, found.body, found.inputs, found.loops)


def _gathered(generic: Any, gather: _Gather, sizes: Sequence[int | None]) -> Any:
    """A tensor over the loops of ``gather`` with what it fetches."""
    element = gather.extract.results[0].type
    type_ = mlir.RankedTensorType.get([sizes[loop] for loop in gather.loops], element)
    empty = mlir.Operation.create("tensor.empty", results=[type_]).results[0]
    new = {loop: number for number, loop in enumerate(gather.loops)}
    sources = [generic.operands[number] for number in gather.inputs]
    maps = [renamed(index_maps(generic)[number], new) for number in gather.inputs]
    made = new_generic(
        [*sources, empty],
        1,
        [*maps, mlir.AffineMap.get_identity(len(new))],
        ["parallel"] * len(new),
    )
    block = made.regions[0].blocks[0]
    old = generic.regions[0].blocks[0]
    values = {old.arguments[n]: block.arguments[at] for at, n in enumerate(gather.inputs)}
    with mlir.InsertionPoint(block):
        copied((*gather.body, gather.extract), values, new)
        mlir.Operation.create("linalg.yield", operands=[values[gather.extract.results[0]]])
    return made.results[0]


def _replace(generic: Any, gathers: Sequence[_Gather], tensors: Sequence[Any]) -> None:
    """``generic`` with ``tensors`` as further inputs, in place of what ``gathers`` fetch."""
    inputs, rank = input_count(generic), len(loop_kinds(generic))
    operands, maps = list(generic.operands), index_maps(generic)
    more = [projection(rank, gather.loops) for gather in gathers]
    made = new_generic(
        [*operands[:inputs], *tensors, *operands[inputs:]],
        len(operands) - inputs,
        [*maps[:inputs], *more, *maps[inputs:]],
        loop_kinds(generic),
    )
    for named in generic.attributes:
        name = named if isinstance(named, str) else named.name
        if name not in made.attributes:
            made.attributes[name] = generic.attributes[name]
    old, block = generic.regions[0].blocks[0], made.regions[0].blocks[0]
    arguments = list(block.arguments)
    kept = arguments[:inputs] + arguments[inputs + len(tensors) :]
    for before, after in zip(old.arguments, kept, strict=True):
        before.replace_all_uses_with(after)
    for gather, argument in zip(gathers, arguments[inputs:], strict=False):
        gather.extract.results[0].replace_all_uses_with(argument)
        gather.extract.erase()
    with mlir.InsertionPoint(block):
        for operation in [op.operation for op in old.operations]:
            mlir.InsertionPoint.current.insert(operation.detach_from_parent())
    for before, after in zip(generic.results, made.results, strict=True):
        before.replace_all_uses_with(after)
    generic.erase()


def _extracts(generic: Any) -> list[Any]:
    body = generic.regions[0].blocks[0].operations
    return [op.operation for op in body if op.operation.name == "tensor.extract"]


def _plain(generic: Any) -> bool:
    """Whether the body only computes and fetches: an assertion would come after what it guards."""
    body = [op.operation.name for op in generic.regions[0].blocks[0].operations]
    plain = all(n == "tensor.extract" or n.startswith(("arith.", "math.", "linalg.")) for n in body)
    return plain and "tensor.extract" in body


def _reduces(generic: Any) -> bool:
    return len(generic.results) > 0 and "reduction" in loop_kinds(generic)
