"""Vectors of elements whose offsets are known by lane: loads, stores, masks, expressions."""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.cpu.contractions.places import Even, Listed, Place


def vector_of(width: int, element: Any) -> Any:
    """The type of ``width`` lanes."""
    return mlir.VectorType.get([width], element)


def zeros(width: int, element: Any) -> Any:
    """A vector of zeros."""
    type_ = vector_of(width, element)
    whole = isinstance(element, (mlir.IntegerType, mlir.IndexType))
    zero = mlir.IntegerAttr.get(element, 0) if whole else mlir.FloatAttr.get(element, 0.0)
    return dialect("arith").ConstantOp(type_, mlir.DenseElementsAttr.get_splat(type_, zero)).result


def mask(width: int, count: Any) -> Any:
    """The first ``count`` of ``width`` lanes; all or none for counts beyond."""
    type_ = vector_of(width, mlir.IntegerType.get_signless(1))
    return dialect("vector").create_mask(type_, [count])


def lane_offsets(offsets: Even | Listed, first: Any, width: int) -> Any:
    """The offsets of ``width`` flat indices from ``first`` on, as a vector."""
    if isinstance(offsets, Listed):
        element = mlir.MemRefType(offsets.table.type).element_type
        return dialect("vector").load(vector_of(width, element), offsets.table, [first])
    type_ = vector_of(width, mlir.IndexType.get())
    # Written out even where the step is a number: a constant vector would make functions differ
    # that are the same but for their numbers.
    arith, vector = dialect("arith"), dialect("vector")
    numbers = arith.addi(vector.step(type_), vector.broadcast(type_, first))
    return arith.muli(numbers, vector.broadcast(type_, offsets.step))


def load(place: Place, at: Any, mask_: Any, width: int) -> Any:
    """``width`` neighbours from ``at`` on, zero where ``mask_`` is off."""
    type_ = vector_of(width, place.element)
    return dialect("vector").maskedload(type_, place.flat, [at], mask_, zeros(width, place.element))


def gather(place: Place, at: Any, offsets: Any, mask_: Any, width: int) -> Any:
    """The elements at ``at`` plus each of ``offsets``, zero where ``mask_`` is off."""
    type_ = vector_of(width, place.element)
    through = zeros(width, place.element)
    return dialect("vector").gather(type_, place.flat, [at], offsets, mask_, through)


def read(place: Place, at: Any, offsets: Even | Listed, first: Any, mask_: Any, width: int) -> Any:
    """Elements ``first`` and following of a role at offset ``at``, by the cheapest kind of load.

    A scalar, when all lanes are the same element.
    """
    if offsets.still:
        return dialect("memref").load(place.flat, [at])
    if offsets.unit:
        return load(place, index.add(at, first), mask_, width)
    return gather(place, at, lane_offsets(offsets, first, width), mask_, width)


def write(
    place: Place, at: Any, offsets: Even | Listed, first: Any, mask_: Any, value: Any
) -> None:
    """Store the lanes of ``value`` that ``mask_`` names; the inverse of ``read``."""
    width = mlir.VectorType(value.type).shape[0]
    if offsets.unit:
        dialect("vector").maskedstore(place.flat, [index.add(at, first)], mask_, value)
        return
    if isinstance(offsets, Even) and index.known(offsets.step) == 2:
        _write_every_other(place, index.add(at, index.add(first, first)), mask_, value)
        return
    numbers = lane_offsets(offsets, first, width)
    dialect("vector").ScatterOp(None, place.flat, [at], numbers, mask_, value)


def _write_every_other(place: Place, at: Any, mask_: Any, value: Any) -> None:
    """Store the lanes of ``value`` to every second element: what lies between stays."""
    vector, width = dialect("vector"), mlir.VectorType(value.type).shape[0]
    for upper in (0, 1):
        lanes = [(upper * width + j) // 2 for j in range(width)]
        where = [index.add(at, index.constant(upper * width))]
        wanted = spread(mask_, upper, width)
        vector.maskedstore(place.flat, where, wanted, vector.shuffle(value, value, lanes))


def spread(mask_: Any, upper: int, width: int) -> Any:
    """The lower or upper half of ``mask_`` on every other lane, off on the lanes between."""
    half = upper * width // 2
    lanes = [half + j // 2 if j % 2 == 0 else width for j in range(width)]
    off = zeros(width, mlir.IntegerType.get_signless(1))
    return dialect("vector").shuffle(mask_, off, lanes)
