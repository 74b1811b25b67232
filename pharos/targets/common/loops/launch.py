"""Kernels and their launches in place of nests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.gpu.kernels import launched, workgroup_type
from pharos.targets.common.loops.body import captured, constants
from pharos.targets.common.loops.choice import Device, points, rows
from pharos.targets.common.loops.flat import Flat
from pharos.targets.common.loops.groups import EACH, JOIN, Group
from pharos.targets.common.loops.numbers import Numbers
from pharos.targets.common.loops.parts import (
    Parts,
    PartWriter,
    partial_types,
    write_joined,
)
from pharos.targets.common.loops.parts import scratch_of as scratch_of_parts
from pharos.targets.common.loops.phases import private
from pharos.targets.common.loops.points import write_points
from pharos.targets.common.loops.rows import Rows, RowWriter, scratch_of
from pharos.targets.common.loops.scans import Scan, ScanWriter
from pharos.targets.common.loops.scans import scratch_of as scratch_of_scan
from pharos.targets.common.loops.transposes import Tiles, TileWriter
from pharos.targets.common.loops.transposes import scratch_of as scratch_of_tiles
from pharos.targets.common.nests.nest import Nest


def launch_points(found: Flat, device: Device) -> None:
    """A kernel with a work-item per result, before the operation that it stands for."""
    nest = found.nest
    plan = points(found, device)
    operands = list(nest.operation.operands)
    outside = captured(nest)
    numbers = _numbers([found], plan.grid * plan.block)
    hint = _hint(found)
    everything = [*operands, *outside]
    with launched(nest.operation, hint, everything, grid=[plan.grid], block=[plan.block]) as kernel:
        inside = _inside(everything, kernel.arguments, [nest])
        write_points(found, plan, kernel.arguments[: len(operands)], inside, numbers)


def launch_scan(found: Flat, plan: Scan) -> None:
    """A kernel whose work-items share the rows of a scan, before the operation it stands for."""
    nest = found.nest
    operands = list(nest.operation.operands)
    everything = [*operands, *captured(nest)]
    grid = plan.grid(found.count(found.parallel))
    numbers = _numbers([found], grid * plan.block * plan.width)
    with launched(
        nest.operation,
        "scan",
        everything,
        grid=[grid],
        block=[plan.block],
        workgroup=[workgroup_type([n], element) for n, element in scratch_of_scan(found, plan)],
    ) as kernel:
        inside = _inside(everything, kernel.arguments, [nest])
        buffers = kernel.arguments[: len(operands)]
        ScanWriter(found, plan, buffers, inside, kernel.workgroup, numbers).write()


def launch_tiles(found: Flat, plan: Tiles) -> None:
    """A kernel that goes through tiles in workgroup memory, before the operation it stands for."""
    nest = found.nest
    operands = list(nest.operation.operands)
    everything = [*operands, *captured(nest)]
    grid = plan.grid(found)
    numbers = _numbers([found], grid * plan.size * plan.size)
    with launched(
        nest.operation,
        "transpose",
        everything,
        grid=[grid],
        block=[plan.block],
        workgroup=[workgroup_type([n], element) for n, element in scratch_of_tiles(found, plan)],
    ) as kernel:
        inside = _inside(everything, kernel.arguments, [nest])
        buffers = kernel.arguments[: len(operands)]
        TileWriter(found, plan, buffers, inside, kernel.workgroup, numbers).write()


def launch_parts(found: Flat, plan: Parts, device: Device) -> None:
    """A kernel whose work-items share the steps of each result, and one that joins its slices."""
    nest = found.nest
    anchor, operands = nest.operation, list(nest.operation.operands)
    outside = captured(nest)
    grid = plan.grid(found.count(found.parallel))
    numbers = _numbers([found], 2 * grid * plan.block * plan.width)
    with anchor.location, mlir.InsertionPoint(anchor):
        partial = [dialect("memref").alloc(kind, [], []) for kind in partial_types(found, plan)]
    everything = [*operands, *outside, *partial]
    with launched(
        anchor,
        "partial_reduction" if partial else "shared_reduction",
        everything,
        grid=[grid],
        block=[plan.block],
        workgroup=[workgroup_type([n], element) for n, element in scratch_of_parts(found, plan)],
    ) as kernel:
        inside = _inside(everything, kernel.arguments, [nest])
        buffers, parts = [inside[v] for v in operands], [inside[v] for v in partial]
        PartWriter(found, plan, buffers, parts, inside, kernel.workgroup, numbers).write()
    if partial:
        _launch_joined(found, plan, device, partial)


def _launch_joined(found: Flat, plan: Parts, device: Device, partial: Sequence[Any]) -> None:
    """The kernel that joins ``partial``, the results of slices."""
    nest = found.nest
    operands = [nest.operation.operands[r.number] for r in found.writes]
    everything = [*operands, *captured(nest), *partial]
    points = found.count(found.parallel)
    block = min(device.block, points * plan.subgroup)
    block = block // plan.subgroup * plan.subgroup
    grid = -(-points // (block // plan.subgroup))
    numbers = _numbers([found], 2 * (grid * block + points * plan.slices))
    with launched(nest.operation, "join", everything, grid=[grid], block=[block]) as kernel:
        inside = _inside(everything, kernel.arguments, [nest])
        buffers = [inside.get(v) for v in nest.operation.operands]
        parts = [inside[v] for v in partial]
        write_joined(found, plan, block, buffers, parts, inside, numbers)


def launch_rows(group: Group, device: Device) -> None:
    """A kernel for ``group`` in place of its members."""
    plan = rows(group, device)
    nests = [member.found.nest for member in group.members]
    everything = list(dict.fromkeys([*_reached(group, plan), *_captured(nests)]))
    numbers = _numbers([m.found for m in group.members], plan.grid(group.rows) * plan.block)
    with launched(
        nests[-1].operation,
        _name(group),
        everything,
        grid=[plan.grid(group.rows)],
        block=[plan.block],
        workgroup=[workgroup_type([n], element) for n, element in scratch_of(group, plan)],
    ) as kernel:
        inside = _inside(everything, kernel.arguments, nests)
        RowWriter(group, plan, inside, inside, kernel.workgroup, numbers).write()
    for nest in nests:
        nest.operation.erase()


def _reached(group: Group, plan: Rows) -> list[Any]:
    """The operands that the kernel reads or writes in memory."""
    hidden = private(group) if plan.kept else set()
    found = []
    for member in group.members:
        operands = member.found.nest.operation.operands
        found += [operands[r.number] for r in member.found.reaches if member.root(r) not in hidden]
    return found


def _captured(nests: Iterable[Nest]) -> list[Any]:
    return [value for nest in nests for value in captured(nest)]


def _inside(
    outside: Sequence[Any], arguments: Sequence[Any], nests: Iterable[Nest]
) -> dict[Any, Any]:
    """What stands inside the kernel for values from outside it, constants included."""
    inside = dict(zip(outside, arguments, strict=True))
    for nest in nests:
        for value in constants(nest):
            if value not in inside:
                inside[value] = value.owner.clone().results[0]
    return inside


def _hint(found: Flat) -> str:
    """What to call a kernel with a work-item per result."""
    if any(map(found.streamed, found.writes)):
        return "scan"
    return "reduction" if found.reductions else "elementwise"


def _name(group: Group) -> str:
    """What to call the kernel of a group."""
    kinds = [member.kind for member in group.members]
    return "rows" if EACH in kinds or kinds.count(JOIN) > 1 else "row_reduction"


def _numbers(nests: Iterable[Flat], workers: int) -> Numbers:
    """Arithmetic wide enough for every count and every place of ``nests``."""
    most = 1
    for found in nests:
        places = [_end(r) for r in found.reaches]
        most = max([most, *places, found.count(range(len(found.loops)))])
    return Numbers(most + 2 * workers)


def _end(reach: Any) -> int:
    kind = reach.access.type
    strides, offset = kind.get_strides_and_offset()
    return int(sum(n * s for n, s in zip(kind.shape, strides, strict=True)) + max(0, offset))
