"""Rows that see the same keys, and what is kept of each: ``[out..., maximum, sum]``, in whole
vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pharos.ir.bindings import dialect
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast
from pharos.targets.cpu.attention.finish import normalized, store_row
from pharos.targets.cpu.attention.site import Inside
from pharos.targets.cpu.attention.vectors import Vectors, round_up


def own_loops(inside: Inside) -> tuple[int, ...]:
    """The batch loops that keys or values have."""
    site = inside.site
    return tuple(loop for loop in site.batch if site.k.uses(loop) or site.v.uses(loop))


def row_loops(inside: Inside) -> tuple[int, ...]:
    """The loops of rows that see the same keys."""
    own = own_loops(inside)
    return (*(loop for loop in inside.site.batch if loop not in own), inside.site.m)


def work_items(inside: Inside) -> Any:
    """How many batches there are that have keys of their own."""
    return inside.total(own_loops(inside))


def record(inside: Inside) -> int:
    """Elements of the record of a row."""
    depth = inside.depth(inside.site.dv)
    return round_up(depth, inside.tiles.width) + inside.tiles.width


def partial_rows(inside: Inside) -> Any:
    """Elements of the records of all rows of a work item."""
    return index.mul(inside.total(row_loops(inside)), index.constant(record(inside)))


def is_less(a: Any, b: Any) -> Any:
    """a < b for numbers, false when either is NaN."""
    return dialect("arith").cmpf(dialect("arith").CmpFPredicate.OLT, a, b)


def load_state(records: Any, at: Any) -> tuple[Any, Any]:
    """The maximum and the sum that begin at ``at``."""
    memref = dialect("memref")
    return memref.load(records, [at]), memref.load(records, [index.add(at, index.constant(1))])


def store_state(records: Any, at: Any, most: Any, total: Any) -> None:
    """Store the maximum and the sum at ``at``."""
    memref = dialect("memref")
    memref.store(most, records, [at])
    memref.store(total, records, [index.add(at, index.constant(1))])


def finish_row(
    inside: Inside, vectors: Vectors, records: Any, at: Any, numbers: Mapping[int, Any]
) -> None:
    """Divide the record at ``at`` by its sum, in place, and store it."""
    width = record(inside) - vectors.width
    total = broadcast(load_state(records, index.add(at, index.constant(width)))[1], vectors.width)
    for column in range(0, width, vectors.width):
        place = index.add(at, index.constant(column))
        sums = vectors.load(records, place)
        vectors.store(normalized(vectors, sums, total, inside.site.empty_rows), records, place)
    store_row(inside, vectors, records, at, inside.origin(inside.site.out, numbers))
