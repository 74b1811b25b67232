"""The pipeline step: linalg operations on memrefs become kernels and their launches.

    linalg.generic ins(%x, %b) outs(%y)   ==>   gpu.launch_func @kernels::@elementwise_0 ... args(%x, %b, %y)

What is out of reach (bodies with regions, sizes known only at run time) is left in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import mlir
from pharos.targets.common.gpu.kernels import launched
from pharos.targets.common.loops.body import captured, constants, supported
from pharos.targets.common.loops.choice import Device, points
from pharos.targets.common.loops.flat import Flat, flat, merged
from pharos.targets.common.loops.numbers import Numbers
from pharos.targets.common.loops.points import write_points
from pharos.targets.common.nests.nest import Nest, read_nest
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
            for nest in list(_nests(module).values()):
                _replace(nest, device)
        return module


def _replace(nest: Nest, device: Device) -> None:
    found = flat(nest)
    if found.count(found.parallel) > 0:
        _launch_points(merged(found), device)
    nest.operation.erase()


def _launch_points(found: Flat, device: Device) -> None:
    nest = found.nest
    plan = points(found, device)
    operands = list(nest.operation.operands)
    outside = captured(nest)
    numbers = Numbers(_limit(found, plan.grid * plan.block))
    with launched(
        nest.operation, hint_of(found), [*operands, *outside], grid=[plan.grid], block=[plan.block]
    ) as kernel:
        buffers = kernel.arguments[: len(operands)]
        inside = dict(zip(outside, kernel.arguments[len(operands) :], strict=True))
        inside |= {value: value.owner.clone().results[0] for value in constants(nest)}
        write_points(found, plan, buffers, inside, numbers)


def hint_of(found: Flat) -> str:
    """What to call the kernel."""
    if any(map(found.streamed, found.writes)):
        return "scan"
    return "reduction" if found.reductions else "elementwise"


def _limit(found: Flat, workers: int) -> int:
    """A number that no count and no place exceeds."""
    places = [_end(r) for r in found.reaches]
    return max([*places, found.count(range(len(found.loops))), 1]) + 2 * workers


def _end(reach: Any) -> int:
    kind = reach.access.type
    strides, offset = kind.get_strides_and_offset()
    return sum(n * s for n, s in zip(kind.shape, strides, strict=True)) + max(0, offset)


def _nests(module: Any) -> dict[Any, Nest]:
    """What kernels are written for, by operation; fills that reductions start from are erased."""
    nests: dict[Any, Nest] = {}
    for operation in _generics(module):
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


def _generics(module: Any) -> list[Any]:
    found: list[Any] = []

    def visit(op: Any) -> Any:
        if op.name == "linalg.generic" and not len(op.results):
            found.append(op)
        return mlir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found
