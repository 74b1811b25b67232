"""What a kernel function sees of a contraction: operands, offsets and counts as its parameters."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Contraction, Operand
from pharos.targets.common.contractions.result import Finish, Start
from pharos.targets.common.nests import index
from pharos.targets.common.nests.nest import DYNAMIC, trip_count
from pharos.targets.cpu.contractions.kept import Kept, read_kept
from pharos.targets.cpu.contractions.parameters import Tiles
from pharos.targets.cpu.contractions.places import (
    Even,
    Listed,
    Place,
    batch_offset,
    even_offsets,
    evenly,
    narrow,
    place,
    write_table,
)
from pharos.targets.cpu.contractions.units import FMA, MultiplyUnit

ROLES = ("rows", "columns", "inner")


@dataclass(frozen=True)
class Plan:
    """All decisions for one contraction.

    ``split`` is the role that is cut into blocks and shared by threads; the factor without it is
    packed as a whole before. ``values`` are the outside values that the functions need, the
    operands of the operation first. ``tiles.kc`` counts the steps of ``unit``. ``piece`` is how
    many steps of the shared factor are packed at a time, a multiple of ``kc``; None for all.
    ``loop`` does not change the factor that is cut: it is packed before, into ``panels``, one of
    the values.
    """

    contraction: Contraction
    tiles: Tiles
    split: str
    start: Start
    finish: Finish | None
    values: tuple[Any, ...]
    unit: MultiplyUnit = FMA
    piece: int | None = None
    loop: Any = None
    panels: Any = None

    @functools.cached_property
    def kept(self) -> Kept | None:
        """The elements of the result whose sums matter; None for all."""
        return read_kept(self.contraction, self.finish)

    def loops(self, role: str) -> tuple[int, ...]:
        """The loops of ``role``: "batch" or one of ``ROLES``."""
        found: tuple[int, ...] = getattr(self.contraction, role)
        return found

    @property
    def panel_element(self) -> Any:
        """The type of what panels hold per lane and step."""
        if self.unit.pairs:
            return mlir.IntegerType.get_signless(32)
        return self.contraction.left.element

    @property
    def operands(self) -> list[tuple[Operand, tuple[str, ...]]]:
        """Every operand with the roles whose offsets are needed for it."""
        c = self.contraction
        pairs: list[tuple[Operand, tuple[str, ...]]]
        pairs = [(o, ("rows", "inner")) for o in c.left.operands]
        pairs += [(o, ("columns", "inner")) for o in c.right.operands]
        ends = [c.result, *([self.start.operand] if self.start.operand else [])]
        if self.finish is not None:
            ends += [*self.finish.operands, *self.finish.results]
        return pairs + [(o, ("rows", "columns")) for o in ends]

    @property
    def tables(self) -> list[tuple[Operand, str]]:
        """The operands and roles whose offsets need a table."""
        sizes = self.contraction.sizes
        return [
            (operand, role)
            for operand, roles in self.operands
            for role in roles
            if not evenly(operand, self.loops(role), sizes)
        ]


class Site:
    """``plan`` at the insertion point; ``values`` and ``tables`` stand for the plan's.

    ``first`` is the inner step with which the piece begins that is worked on; None for all.
    """

    def __init__(
        self, plan: Plan, values: Sequence[Any], tables: Sequence[Any] = (), first: Any = None
    ) -> None:
        self.plan = plan
        self.first = index.constant(0) if first is None else first
        self.known = dict(zip(plan.values, values, strict=True))
        self._tables = dict(zip(map(_key, plan.tables), tables, strict=False))
        nest = plan.contraction.nest
        buffers = [self.known.get(v) for v in nest.operation.operands]
        self.trips = [trip_count(nest, d, buffers) for d in range(len(nest.parallel))]
        self._places: dict[int, Place] = {}

    def place(self, operand: Operand) -> Place:
        """Where ``operand`` lies. Made at the first request, which must dominate the others."""
        if id(operand) not in self._places:
            self._places[id(operand)] = place(operand, self.known[operand.buffer])
        return self._places[id(operand)]

    def offsets(self, operand: Operand, role: str) -> Even | Listed:
        """The offsets of the loops of ``role`` in ``operand``."""
        table = self._tables.get(_key((operand, role)))
        if table is not None:
            return Listed(table)
        return even_offsets(self.place(operand), self.plan.loops(role))

    def count(self, role: str) -> Any:
        """The number of rows, columns, inner steps or batches."""
        total = index.constant(1)
        for loop in self.plan.loops(role):
            total = index.mul(total, self.trips[loop])
        return total

    def steps(self) -> Any:
        """The number of steps of the unit: what panels are long."""
        unit, count = self.plan.unit, self.count("inner")
        count = index.ceil_div(count, 2) if unit.pairs else count
        return index.mul(index.ceil_div(count, unit.whole), index.constant(unit.whole))

    def origin(self, operand: Operand, batch: Any) -> Any:
        """The offset at which ``operand`` starts in a batch."""
        loops = self.plan.loops("batch")
        return batch_offset(self.place(operand), loops, [self.trips[d] for d in loops], batch)

    def make_tables(self) -> list[Any]:
        """Allocate and fill the tables that the plan needs."""
        made = []
        for operand, role in self.plan.tables:
            loops = self.plan.loops(role)
            small = narrow(operand, self.plan.contraction.sizes)
            element = mlir.IntegerType.get_signless(32) if small else mlir.IndexType.get()
            # Vectors of offsets are read beyond the last: offset 0 is inside every operand.
            length = index.add(self.count(role), index.constant(self.plan.tiles.nr * 2))
            table = allocate(element, length)
            self._pad(table, self.count(role), length)
            counts = [self.trips[d] for d in loops]
            write_table(self.place(operand), loops, counts, table)
            made.append(table)
        return made

    def _pad(self, table: Any, low: Any, high: Any) -> None:
        element = mlir.MemRefType(table.type).element_type

        def body(i: Any, _: list[Any]) -> list[Any]:
            dialect("memref").store(index.cast(index.constant(0), element), table, [i])
            return []

        index.loop(low, high, 1, [], body)


def _key(pair: tuple[Operand, str]) -> tuple[int, str]:
    return id(pair[0]), pair[1]


def allocate(element: Any, length: Any) -> Any:
    """A row of ``length`` elements, aligned for vectors."""
    # Not with the length in its type, even where it is known: functions that differ only in
    # numbers can become one.
    return dialect("memref").alloc(
        mlir.MemRefType.get([DYNAMIC], element), [length], [], alignment=64
    )


def free(buffers: Sequence[Any]) -> None:
    """Free what ``allocate`` made."""
    for buffer in buffers:
        dialect("memref").dealloc(buffer)
