"""Neighbouring nests that work on the same rows become one kernel.

    m[i] = max x[i, :]; e[i, :] = exp(x[i, :] - m[i]); s[i] = sum e[i, :]; y[i, :] = e[i, :] / s[i]

Each work-item keeps its places of a row in registers from one member to the next, and what no one
else reads is never written to memory. Legal when what one member writes, all others reach by the
same function of row and place: then no work-item needs what another one wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.loops.body import captured, indexed_loops, scalar_only
from pharos.targets.common.loops.flat import Flat, Reach, flat, merged
from pharos.targets.common.loops.joins import Join, joins_of
from pharos.targets.common.loops.walks import Walk, root_of, walk_of
from pharos.targets.common.nests.nest import Nest
from pharos.targets.common.nests.sharing import behind, same_memory

EACH, JOIN, ONCE = "each", "join", "once"
# Members of a group: a longer one is cut.
MOST = 24
# Neighbours in memory are loaded together; up to this stride, most of what is loaded is used.
NEAR = 4


@dataclass(frozen=True, eq=False)
class Member:
    """One nest of a group.

    The ``leading`` loops of ``found`` are the rows. ``kind``: EACH gives a number for every place
    in the row, JOIN one for the row out of all places, ONCE one for the row without them.
    """

    found: Flat
    leading: int
    kind: str

    @property
    def place(self) -> Any:
        """Where the payload says it: the location for what is made of it."""
        return self.found.nest.operation.location

    @property
    def joins(self) -> list[Join]:
        """How the outputs of a JOIN are joined."""
        return joins_of(self.found.nest) or []

    def walk(self, reach: Reach) -> Walk:
        """How ``reach``, of this nest, moves over rows and places."""
        return walk_of(self.found, reach, self.leading)

    def root(self, reach: Reach) -> Any:
        """The memory behind ``reach``."""
        return root_of(self.found, reach)


@dataclass(frozen=True)
class Group:
    """``members`` in order, ``rows`` rows of ``length`` places each."""

    members: tuple[Member, ...]
    rows: int
    length: int


def groups(nests: Sequence[Nest]) -> list[Group | Nest]:
    """``nests``, between which nothing touches memory: groups, and what stays alone."""
    found: list[Group | Nest] = []
    at = 0
    while at < len(nests):
        group = _group(nests[at : at + MOST])
        found.append(group or nests[at])
        at += len(group.members) if group else 1
    return found


def _group(nests: Sequence[Nest]) -> Group | None:
    """The longest group from the first nest on that holds a reduction of rows."""
    for number, nest in enumerate(nests):
        shape = row_shape(nest)
        if shape is None:
            continue
        members: list[Member] = []
        for other in nests:
            member = _member(other, *shape)
            if member is None or not independent([*members, member]):
                break
            members.append(member)
        if len(members) > number:
            return Group(tuple(members), *shape)
        return None
    return None


def row_shape(nest: Nest) -> tuple[int, int] | None:
    """Rows and their length, for a reduction that is best done by neighbours for each row."""
    found = flat(nest)
    rows, length = found.count(found.parallel), found.count(found.reductions)
    member = _member(nest, rows, length) if rows and length > 1 else None
    if member is None or member.kind != JOIN or near_results(found):
        return None
    walks = [member.walk(r) for r in member.found.reads if r is not None]
    steps = [walk.inside[-1][1] for walk in walks if walk.inside]
    return (rows, length) if all(0 <= step <= 1 for step in steps) else None


def near_results(found: Flat) -> bool:
    """Whether results next to each other are made of elements near each other."""
    if not found.parallel:
        return False
    inner = found.parallel[-1]
    return all(r.odd or abs(r.strides[inner]) <= NEAR for r in found.reads if r is not None)


def _member(nest: Nest, rows: int, length: int) -> Member | None:
    """``nest`` as a member of a group of that shape; None when it is none."""
    found = flat(nest)
    if not _plain(found):
        return None
    found = merged(found, rows)
    leading = 0
    while leading < len(found.parallel) and found.count(range(leading)) < rows:
        leading += 1
    if found.count(range(leading)) != rows:
        return None
    rest = found.loops[leading:]
    size = found.count(range(leading, len(found.loops)))
    if not rest:
        return Member(found, leading, ONCE)
    kinds = {loop.parallel for loop in rest}
    if size != length or len(kinds) > 1:
        return None
    if kinds == {True}:
        return Member(found, leading, EACH)
    return Member(found, leading, JOIN) if joins_of(nest) is not None else None


def _plain(found: Flat) -> bool:
    """Whether all operands are known at every place, and the body can be rebuilt on vectors."""
    return (
        bool(found.writes)
        and not scalar_only(found.nest)
        and not any(isinstance(v.type, mlir.MemRefType) for v in captured(found.nest))
        and not any(map(found.streamed, found.writes))
        and all(not r.odd and r.offset is not None and _joinable(r) for r in found.reaches)
        and all(_same_elements(root_of(found, r), r) for r in found.reaches)
        and all(loop.size for loop in found.loops)
    )


def _same_elements(root: Any, reach: Reach) -> bool:
    """Whether the memory behind an operand is known, and holds the operand's type."""
    return root is not None and root.type.element_type == reach.element


def _joinable(reach: Reach) -> bool:
    width = getattr(reach.element, "width", 0)
    return width in (8, 16, 32, 64)


def independent(members: Sequence[Member]) -> bool:
    """Whether all members reach what one of them writes by the same walk, and that by no other
    name once it is written: it may be in registers."""
    walks: dict[Any, set[Walk]] = {}
    last: dict[Any, int] = {}
    written: dict[Any, int] = {}
    for number, member in enumerate(members):
        for reach in member.found.reaches:
            root = member.root(reach)
            walks.setdefault(root, set()).add(member.walk(reach))
            last[root] = number
        for reach in member.found.writes:
            written.setdefault(member.root(reach), number)
    for root, first in written.items():
        names = [r for r in walks if same_memory(behind(root), behind(r))]
        if len(set().union(*map(walks.__getitem__, names))) > 1:
            return False
        if any(last[name] > first for name in names if name != root):
            return False
    return True


def counts_places(member: Member) -> bool:
    """Whether the body asks where in the row it is."""
    inside = {d for loop in member.found.loops[member.leading :] for d in loop.dims}
    return bool(inside & indexed_loops(member.found.nest))
