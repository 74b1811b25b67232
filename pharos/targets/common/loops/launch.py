"""Kernels and their launches in place of nests, one function for each form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.loops import parts, rows, scans, transposes
from pharos.targets.common.loops.choice import Device
from pharos.targets.common.loops.flat import Flat
from pharos.targets.common.loops.groups import EACH, JOIN, Group
from pharos.targets.common.loops.phases import private
from pharos.targets.common.loops.points import Points, write_points
from pharos.targets.common.loops.site import kernel_for, numbers_for, passed_for
from pharos.targets.common.loops.slices import write_joined
from pharos.targets.common.nests.memory import root


def launch_points(found: Flat, plan: Points) -> None:
    """A work-item per result."""
    numbers = numbers_for([found], plan.grid * plan.block * plan.width)
    with kernel_for([found], _hint(found), grid=plan.grid, block=plan.block) as inside:
        write_points(found, plan, inside.buffers(found), inside.values, numbers)


def launch_scan(found: Flat, plan: scans.Scan) -> None:
    """Work-items that share the rows of a scan."""
    grid = plan.grid(found.count(found.parallel))
    numbers = numbers_for([found], grid * plan.block * plan.width)
    scratch = scans.scratch_of(found, plan)
    with kernel_for([found], "scan", grid=grid, block=plan.block, scratch=scratch) as inside:
        scans.ScanWriter(
            found, plan, inside.buffers(found), inside.values, inside.workgroup, numbers
        ).write()


def launch_tiles(found: Flat, plan: transposes.Tiles) -> None:
    """Tiles in workgroup memory."""
    grid = plan.grid(found)
    numbers = numbers_for([found], grid * plan.size * plan.size)
    scratch = transposes.scratch_of(found, plan)
    with kernel_for([found], "transpose", grid=grid, block=plan.block, scratch=scratch) as inside:
        transposes.TileWriter(
            found, plan, inside.buffers(found), inside.values, inside.workgroup, numbers
        ).write()


def launch_parts(found: Flat, plan: parts.Parts, device: Device) -> None:
    """Work-items that share the steps of each result, and a kernel that joins slices."""
    anchor = found.nest.operation
    grid = plan.grid(found.count(found.parallel))
    numbers = numbers_for([found], 2 * grid * plan.block * plan.width)
    with anchor.location, mlir.InsertionPoint(anchor):
        kinds = parts.partial_types(found, plan)
        partial = [dialect("memref").alloc(kind, [], []) for kind in kinds]
    with kernel_for(
        [found],
        "partial_reduction" if partial else "shared_reduction",
        grid=grid,
        block=plan.block,
        scratch=parts.scratch_of(found, plan),
        extra=partial,
        extra_written=True,
    ) as inside:
        taken = [inside.values[v] for v in partial]
        buffers, values = inside.buffers(found), inside.values
        parts.PartWriter(found, plan, buffers, taken, values, inside.workgroup, numbers).write()
    if partial:
        _launch_joined(found, plan, device, partial)


def _launch_joined(found: Flat, plan: parts.Parts, device: Device, partial: Sequence[Any]) -> None:
    """The kernel that joins ``partial``, the results of slices."""
    points = found.count(found.parallel)
    block = min(device.block, points * plan.subgroup) // plan.subgroup * plan.subgroup
    grid = -(-points // (block // plan.subgroup))
    numbers = numbers_for([found], 2 * (grid * block + points * plan.slices))
    outputs = {root(passed_for(found, w)) for w in found.writes}
    inputs = {root(passed_for(found, r)) for r in found.reads if r is not None} - outputs
    with kernel_for(
        [found], "join", grid=grid, block=block, hidden=inputs, extra=partial
    ) as inside:
        taken = [inside.values[v] for v in partial]
        buffers = inside.buffers(found)
        write_joined(
            found, plan.slices, plan.subgroup, block, buffers, taken, inside.values, numbers
        )


def launch_rows(group: Group, plan: rows.Rows) -> None:
    """Neighbours for each row of ``group``, whose members are erased."""
    founds = [member.found for member in group.members]
    grid = plan.grid(group.rows)
    numbers = numbers_for(founds, grid * plan.block)
    with kernel_for(
        founds,
        _name(group),
        grid=grid,
        block=plan.block,
        scratch=rows.scratch_of(group, plan),
        hidden=private(group) if plan.kept else (),
    ) as inside:
        rows.RowWriter(group, plan, inside, numbers).write()
    for found in founds:
        found.nest.operation.erase()


def _hint(found: Flat) -> str:
    """What to call a kernel with a work-item per result."""
    if any(map(found.streamed, found.writes)):
        return "scan"
    return "reduction" if found.reductions else "elementwise"


def _name(group: Group) -> str:
    """What to call the kernel of a group."""
    kinds = [member.kind for member in group.members]
    return "rows" if EACH in kinds or kinds.count(JOIN) > 1 else "row_reduction"
