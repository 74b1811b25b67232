"""How many neighbours are loaded at once: as many as fill the widest loads and are aligned."""

from __future__ import annotations

from pharos.ir.bindings import mlir
from pharos.targets.common.loops.body import scalar_only
from pharos.targets.common.loops.flat import Flat, Reach
from pharos.targets.common.loops.groups import Group, Member, counts_places


def width_of(found: Flat, most: int) -> int:
    """Neighbouring results that a work-item does at once: they fill the widest loads."""
    if not found.parallel:
        return 1
    return width_along(found, found.parallel[-1], most)


def width_along(found: Flat, inner: int, most: int) -> int:
    """The widest vectors along the loop ``inner``."""
    reaches = found.reaches
    if scalar_only(found.nest):
        return 1
    if any(r.odd or is_bit(r) or r.strides[inner] not in (0, 1) for r in reaches):
        return 1
    moving = [r for r in reaches if r.strides[inner]]
    width = most // max((r.bytes for r in moving), default=most)
    while width > 1 and not _fits(found, inner, moving, width):
        width //= 2
    return max(1, width)


def _fits(found: Flat, inner: int, moving: list[Reach], width: int) -> bool:
    """Whether vectors along loop ``inner`` start at multiples of their size, and none crosses the
    end of a row. A nest of one parallel loop may have a last vector that is not full."""
    size = found.loops[inner].size
    if size < width or (size % width and len(found.parallel) > 1):
        return False
    return all(aligned(r, inner, width) for r in moving)


def aligned(reach: Reach, inner: int, width: int) -> bool:
    """Whether the operand's elements at multiples of ``width`` along ``inner`` are multiples of
    ``width`` elements from the start of its memory."""
    others = [s for n, s in enumerate(reach.strides) if n != inner]
    return reach.offset is not None and not any(s % width for s in (reach.offset, *others))


def is_bit(reach: Reach) -> bool:
    """A vector of i1, to LLVM, takes a bit for each; in memory each takes a byte."""
    return isinstance(reach.element, mlir.IntegerType) and reach.element.width < 8


def row_width(group: Group, most: int) -> int:
    """The widest vectors in which all arrays that have neighbours in a row can be reached."""
    found = [(m, r) for m in group.members for r in m.found.reaches]
    walks = [(m.walk(r), r) for m, r in found if m.walk(r).contiguous]
    width = most // max((r.bytes for _, r in walks), default=most)
    if any(map(_counts_in_parts, group.members)):
        return 1
    while width > 1:
        if group.length % width == 0 and all(walk.neighbours(width) for walk, _ in walks):
            break
        width //= 2
    return max(1, width)


def _counts_in_parts(member: Member) -> bool:
    """Whether the body asks for its place in a row that is more than one loop."""
    return counts_places(member) and len(member.found.loops) - member.leading > 1
