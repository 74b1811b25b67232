"""A linalg operation in any of its forms (named, category, generic), read as a loop nest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pharos.ir.bindings import linalg_indexing_maps
from pharos.payload.maps import Access, Index, Size, access_of, loops_of, shape_of

_UNSTRUCTURED = ("linalg.index", "linalg.yield", "linalg.softmax", "linalg.pack", "linalg.unpack")


@dataclass(frozen=True)
class Structured:
    """The loops of ``operation``: one access per operand, inputs first, and the body."""

    operation: Any
    operands: tuple[Any, ...]
    accesses: tuple[Access, ...]
    inputs: int

    @cached_property
    def loops(self) -> int:
        """How many loops there are."""
        return 1 + max((d for access in self.accesses for d in loops_of(access)), default=-1)

    @cached_property
    def parallel(self) -> frozenset[int]:
        """The loops that reach different elements of an output in each iteration."""
        return frozenset(d for access in self.outputs for d in loops_of(access))

    @cached_property
    def reductions(self) -> frozenset[int]:
        """All other loops."""
        return frozenset(range(self.loops)) - self.parallel

    @property
    def outputs(self) -> tuple[Access, ...]:
        """The accesses of the operands that are written."""
        return self.accesses[self.inputs :]

    @property
    def body(self) -> Any:
        """The block that computes one element."""
        return self.operation.regions[0].blocks[0]

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """The trip count of each loop, None where no operand shows it."""
        found: dict[int, Size] = {}
        for value, access in zip(self.operands, self.accesses, strict=True):
            for index, size in zip(access, shape_of(value.type), strict=True):
                loop = None if index is None else index.loop
                if loop is not None and found.get(loop) is None:
                    found[loop] = size
        return tuple(found.get(loop) for loop in range(self.loops))


def read_structured(operation: Any, known: dict[Any, Access]) -> Structured | None:
    """``operation`` as a loop nest; None when it is not a linalg operation with a body.

    ``known`` keeps maps that were read before: a module has few different ones.
    """
    name = operation.name
    if not name.startswith("linalg.") or name in _UNSTRUCTURED:
        return None
    maps = linalg_indexing_maps(operation)
    if maps is None or not operation.regions or not len(operation.regions[0].blocks):
        return None
    operands = tuple(operation.operands)
    for map_ in maps:
        if map_ not in known:
            known[map_] = access_of(map_)
    accesses = tuple(known[map_] for map_ in maps)
    if any(len(a) != len(shape_of(v.type)) for a, v in zip(accesses, operands, strict=True)):
        return None
    return Structured(operation, operands, accesses, _inputs(operation, len(operands)))


def _inputs(operation: Any, operands: int) -> int:
    """The number of operands that are only read."""
    if "operandSegmentSizes" in operation.attributes:
        return int(operation.attributes["operandSegmentSizes"][0])
    return operands - 1


def is_identity(access: Access, rank: int) -> bool:
    """Whether ``access`` reaches element (d0, d1, ...) of an operand of ``rank`` dimensions."""
    return access == tuple(Index(((d, 1),)) for d in range(rank))
