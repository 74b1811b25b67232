"""The pipeline step: linalg operations on memrefs become kernels and their launches.

    linalg.generic ins(%x) outs(%y)  ==>  gpu.launch_func @kernels::@elementwise_0 ... args(%x, %y)

What is out of reach (bodies with regions, sizes known only at run time) is left in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import mlir
from pharos.targets.common.loops.body import supported
from pharos.targets.common.loops.choice import (
    Device,
    few_long_rows,
    parts,
    points,
    rows,
    scan,
    tiles,
)
from pharos.targets.common.loops.flat import Flat, flat, merged
from pharos.targets.common.loops.groups import JOIN, Group, groups
from pharos.targets.common.loops.launch import (
    launch_parts,
    launch_points,
    launch_rows,
    launch_scan,
    launch_tiles,
)
from pharos.targets.common.nests.memory import pure
from pharos.targets.common.nests.nest import Nest, generics, read_nest
from pharos.targets.common.nests.sharing import forget_sharing
from pharos.targets.common.nests.start import with_start


@dataclass(frozen=True)
class GpuLoops:
    """Lower linalg on memrefs to kernels.

    ``subgroup_size`` work-items run in lock step, ``block`` is the usual number of a block,
    ``max_block`` the most; ``vector_bytes`` are loaded at once at most; ``shared`` bytes of
    workgroup memory a kernel may declare; ``compute_units`` run blocks at the same time.
    """

    name: ClassVar[str] = "gpu-loops"
    subgroup_size: int = 32
    block: int = 256
    max_block: int = 1024
    vector_bytes: int = 16
    shared: int = 32768
    compute_units: int = 16

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        device = Device(
            self.subgroup_size,
            min(self.block, self.max_block),
            self.max_block,
            self.vector_bytes,
            self.shared,
            self.compute_units,
        )
        with module.context, mlir.Location.unknown():
            for nests in _neighbours(module):
                for found in groups(nests):
                    if not isinstance(found, Group):
                        _replace(found, device)
                    elif few_long_rows(found, device):
                        _replace_apart(found, device)
                    else:
                        launch_rows(found, rows(found, device))
            forget_sharing(module)
        return module


def _replace(nest: Nest, device: Device) -> None:
    found = flat(nest)
    if found.count(found.parallel) > 0:
        _launch(merged(found), device)
    nest.operation.erase()


def _launch(found: Flat, device: Device) -> None:
    """The kernels for one nest with loops merged, of the first form that it has."""
    if (shared := parts(found, device)) is not None:
        launch_parts(found, shared, device)
    elif (rows := scan(found, device)) is not None:
        launch_scan(found, rows)
    elif (tiled := tiles(found, device)) is not None:
        launch_tiles(found, tiled)
    else:
        launch_points(found, points(found, device))


def _replace_apart(group: Group, device: Device) -> None:
    """A kernel or two for each member of ``group``."""
    for member in group.members:
        nest = member.found.nest
        if member.kind == JOIN and parts(merged(flat(nest)), device) is None:
            alone = Group((member,), group.rows, group.length)
            launch_rows(alone, rows(alone, device))
        else:
            _replace(nest, device)


def _neighbours(module: Any) -> list[list[Nest]]:
    """The nests of ``module``, those together between which nothing touches memory."""
    nests = _nests(module)
    runs: list[list[Nest]] = []
    seen: set[Any] = set()
    for operation in list(nests):
        if operation in seen:
            continue
        runs.append([])
        for op in operation.operation.block.operations:
            nest = nests.get(op.operation)
            if nest is not None:
                runs[-1].append(nest)
                seen.add(op.operation)
            elif not pure(op.operation):
                runs.append([])
    return [run for run in runs if run]


def _nests(module: Any) -> dict[Any, Nest]:
    """What kernels are written for, by operation; fills that reductions start from are erased."""
    nests: dict[Any, Nest] = {}
    for operation in generics(module):
        nest = read_nest(operation)
        if nest is None or not supported(nest) or not _static(nest):
            continue
        nests[operation], fills = with_start(nest)
        for fill in fills:
            nests.pop(fill, None)
            fill.erase()
    return nests


def _static(nest: Nest) -> bool:
    return all(access.type.has_static_shape for access in nest.accesses)
