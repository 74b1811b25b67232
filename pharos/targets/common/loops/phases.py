"""The members of a group in phases: what can be done in one pass over the row.

max x | exp(x - max), sum of it | quotient        three passes: each needs a number of the row
                                                   that the pass before has found
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.loops.flat import Reach
from pharos.targets.common.loops.groups import JOIN, ONCE, Group, Member
from pharos.targets.common.loops.walks import Walk
from pharos.targets.common.nests.memory import VIEWS

Key = tuple[Any, Walk]
"""Memory, and how it is walked: what a value in a register is a copy of."""


def key(member: Member, reach: Reach) -> Key:
    """What ``reach`` stands for in all members of a group."""
    return member.root(reach), member.walk(reach)


def reads(member: Member) -> list[tuple[Reach, Key]]:
    """What the body reads: inputs, and outputs whose old values it uses."""
    found = member.found
    old = [w for n, w in enumerate(found.writes) if n in found.before and not _started(member, w)]
    return [(r, key(member, r)) for r in (*filter(None, found.reads), *old)]


def _started(member: Member, write: Reach) -> bool:
    return write.number in member.found.nest.start


def writes(member: Member) -> list[tuple[Reach, Key]]:
    """What the body writes."""
    return [(w, key(member, w)) for w in member.found.writes]


@dataclass(frozen=True)
class Phase:
    """Members that share a pass over the row; ``once``: they need none."""

    members: tuple[Member, ...]
    once: bool

    def touched(self) -> list[Key]:
        """Places of the row that are read or written, each once."""
        both = [k for m in self.members for _, k in (*reads(m), *writes(m))]
        return list(dict.fromkeys(k for k in both if k[1].inside))

    def numbers(self) -> list[tuple[Member, Reach, Key]]:
        """Numbers of the row that are read, and that no member has written before."""
        found: list[tuple[Member, Reach, Key]] = []
        written: set[Key] = set()
        for member in self.members:
            needed = [(member, r, k) for r, k in reads(member) if not k[1].inside]
            found += [one for one in needed if one[2] not in written]
            written.update(k for _, k in writes(member))
        return found


def phases(group: Group) -> list[Phase]:
    """The phases of ``group`` in order."""
    found: list[Phase] = []
    fresh: set[Key] = set()
    for member in group.members:
        once = member.kind == ONCE
        last = found[-1] if found else None
        needs = {k for _, k in reads(member)}
        if last is None or last.once != once or needs & fresh:
            found.append(Phase((member,), once))
            fresh = set()
        else:
            found[-1] = Phase((*last.members, member), once)
        if member.kind == JOIN:
            fresh |= {k for _, k in writes(member)}
    return found


def later(found: Sequence[Phase], number: int) -> set[Key]:
    """What phases after ``number`` read."""
    return {k for phase in found[number + 1 :] for m in phase.members for _, k in reads(m)}


def private(group: Group) -> set[Any]:
    """Allocations that nothing outside ``group`` uses, and whose first use writes them."""
    inside = {member.found.nest.operation for member in group.members}
    seen: set[Any] = set()
    found = set()
    for member in group.members:
        seen.update(root for _, (root, _) in reads(member))
        for _, (root, _) in writes(member):
            if root not in seen and _is_allocation(root) and _only(root, inside):
                found.add(root)
            seen.add(root)
    return found


def _is_allocation(root: Any) -> bool:
    return not isinstance(root.owner, mlir.Block) and root.owner.name == "memref.alloc"


def _only(value: Any, inside: set[Any]) -> bool:
    """Whether only operations of ``inside`` and views for them use ``value``."""
    for use in value.uses:
        user = use.owner.operation
        if user in inside or user.name == "memref.dealloc":
            continue
        if user.name not in VIEWS or not all(_only(r, inside) for r in user.results):
            return False
    return True


def last_writer(group: Group, member: Member, what: Key) -> bool:
    """Whether no member after ``member`` writes ``what``."""
    after = group.members[group.members.index(member) + 1 :]
    return all(k != what for other in after for _, k in writes(other))
