"""What the work-item of a row holds and reaches: places in memory, numbers of the row, vectors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.loops.flat import Reach
from pharos.targets.common.loops.groups import Member
from pharos.targets.common.loops.memory import Memory
from pharos.targets.common.loops.numbers import Number, Numbers
from pharos.targets.common.loops.phases import Key, Phase, key
from pharos.targets.common.nests.body import broadcast, counted

Held = dict[Key, Any]
"""Vectors of one step of the row that are in registers."""


@dataclass
class RowValues:
    """The row ``row`` in vectors of ``width`` places; ``memories`` reach each member's operands.

    ``of_row`` are the numbers of the row that are in registers.
    """

    row: Number
    width: int
    numbers: Numbers
    memories: Mapping[Member, Memory]
    of_row: dict[Key, Any] = field(default_factory=dict)

    def place(self, what: Key, inside: Number) -> Number:
        """Where the row has its place ``inside``, in elements."""
        numbers, walk = self.numbers, what[1]
        total: Number = walk.offset
        for position, steps in ((self.row, walk.rows), (inside, walk.inside)):
            digits = numbers.digits(position, [size for size, _ in steps])
            for digit, (_, stride) in zip(digits, steps, strict=True):
                total = numbers.add(total, numbers.mul(digit, stride))
        return total

    def load_numbers(self, phase: Phase, written: Collection[Key]) -> None:
        """Load the numbers of the row that ``phase`` reads and no member has ``written``."""
        for member, reach, what in phase.numbers():
            if what not in self.of_row and what not in written:
                place = self.place(what, 0)
                self.of_row[what] = self.memories[member].load_place(reach, place)

    def read(self, member: Member, reach: Reach, at: Number, held: Held) -> Any:
        """What the member reads at place ``at``: kept, or loaded and kept from now on."""
        what = key(member, reach)
        if not what[1].inside:
            return self.of_row[what]
        if what not in held:
            held[what] = self._loaded(member, reach, what, at)
        return held[what]

    def _loaded(self, member: Member, reach: Reach, what: Key, at: Number) -> Any:
        memory, width = self.memories[member], self.width
        if width == 1 or what[1].neighbours(width):
            return memory.load_place(reach, self.place(what, at), width)
        if what[1].same(width):
            one = memory.load_place(reach, self.place(what, at))
            return broadcast(one, width)
        places = [self.place(what, self.numbers.add(at, n)) for n in range(width)]
        kind = mlir.VectorType.get([width], reach.element)
        values = [memory.load_place(reach, place) for place in places]
        return dialect("vector").from_elements(kind, values)

    def store(self, member: Member, write: Reach, at: Number, value: Any) -> None:
        """Store a vector at place ``at``."""
        memory, what = self.memories[member], key(member, write)
        if self.width == 1 or what[1].neighbours(self.width):
            memory.store_place(write, self.place(what, at), value)
            return
        for n in range(self.width):
            lane = dialect("vector").extract(value, [], [n])
            memory.store_place(write, self.place(what, self.numbers.add(at, n)), lane)

    def store_number(self, member: Member, write: Reach, value: Any) -> None:
        """Store a number of the row."""
        place = self.place(key(member, write), 0)
        self.memories[member].store_place(write, place, value)

    def kind(self, what: Key) -> Any:
        """The type of a vector of ``what``."""
        element = what[0].type.element_type
        return element if self.width == 1 else mlir.VectorType.get([self.width], element)

    def count(self, member: Member, dim: int, at: Number) -> Any:
        """The number of the iteration of the nest's loop ``dim``, for every lane."""
        numbers, found = self.numbers, member.found
        for position, loops in (
            (self.row, range(member.leading)),
            (at, range(member.leading, len(found.loops))),
        ):
            digits = numbers.digits(position, [found.loops[n].size for n in loops])
            for n, digit in zip(loops, digits, strict=True):
                if dim not in found.loops[n].dims:
                    continue
                first = numbers.index(digit)
                if self.width == 1 or n < member.leading:
                    return first
                return counted(first, self.width)
        return numbers.index(0)
