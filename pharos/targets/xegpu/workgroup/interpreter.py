"""Runs a kernel at workgroup level, one workgroup after another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pharos.core.errors import UserError
from pharos.ir.bindings import mlir
from pharos.targets.xegpu.workgroup import scalars, tiles
from pharos.targets.xegpu.workgroup.memory import Memory, MemRef
from pharos.targets.xegpu.workgroup.table import Frame, handler_of

__all__ = ["WorkgroupKernel", "scalars", "tiles"]
Values = dict[Any, Any]
Step = Callable[[Frame, Values], None]


class WorkgroupKernel:
    """A ``gpu.func`` at workgroup level, ready to run. The operation must outlive this.

    CompileError with the place of an operation that has no meaning at this level.
    """

    def __init__(self, function: Any) -> None:
        self.name = function.attributes["sym_name"].value
        self._block = function.regions[0].blocks[0]
        with function.context:
            self.kinds = [argument.type for argument in self._block.arguments]
            self._steps = _steps(self._block)

    def run(self, launch: Any, operands: Sequence[float], regions: Sequence[Any]) -> None:
        """Run all workgroups of ``launch.grid``. ``operands`` are numbers, addresses for pointers;
        ``regions`` all memory that the kernel may touch."""
        memory = Memory(regions)
        given = zip(self.kinds, operands, strict=True)
        arguments = [_argument(kind, value) for kind, value in given]
        with self._block.owner.context, np.errstate(all="ignore"):
            for z, y, x in itertools.product(*(range(n) for n in reversed(launch.grid))):
                values = dict(zip(self._block.arguments, arguments, strict=True))
                frame = Frame((x, y, z), memory)
                for step in self._steps:
                    step(frame, values)


def _steps(block: Any) -> list[Step]:
    """What the operations of ``block`` do, but for its last one, which ends it."""
    operations = [operation.operation for operation in block.operations]
    return [_loop(o) if o.name == "scf.for" else _plain(o) for o in operations[:-1]]


def _plain(operation: Any) -> Step:
    run, operands, results = (
        handler_of(operation),
        list(operation.operands),
        list(operation.results),
    )

    def step(frame: Frame, values: Values) -> None:
        found = run(frame, *(values[operand] for operand in operands))
        values.update(zip(results, found, strict=True))

    return step


def _loop(operation: Any) -> Step:
    first, end, by, *initial = list(operation.operands)
    block = operation.regions[0].blocks[0]
    index, *carried = list(block.arguments)
    inside = _steps(block)
    yielded = list(list(block.operations)[-1].operation.operands)
    results = list(operation.results)

    def step(frame: Frame, values: Values) -> None:
        current = [values[value] for value in initial]
        for i in range(int(values[first]), int(values[end]), int(values[by])):
            values[index] = np.int64(i)
            values.update(zip(carried, current, strict=True))
            for one in inside:
                one(frame, values)
            current = [values[value] for value in yielded]
        values.update(zip(results, current, strict=True))

    return step


def _argument(kind: Any, value: float) -> Any:
    """The value of a kernel's argument."""
    if not isinstance(kind, mlir.MemRefType):
        return scalars.dtype_of(kind).type(value)
    memref = mlir.MemRefType(kind)
    strides, offset = memref.get_strides_and_offset()
    if not memref.has_static_shape:
        raise UserError(f"a kernel at workgroup level takes static shapes, found {kind}")
    return MemRef(int(value), offset, tuple(memref.shape), tuple(strides), str(memref.element_type))
