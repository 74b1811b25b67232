"""Runs a kernel that is written for one work-item, on whole workgroups at a time.

Every operation is done for all work-items before the next one, on arrays over them. There are no
barriers to miss and no order to get wrong: what this computes is what the kernel means where no two
work-items race. Where they part (``scf.if``, loops of different lengths), both ways are gone, each
for its own work-items.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pharos.core.errors import UserError
from pharos.ir.bindings import mlir
from pharos.targets.xegpu.workgroup import item_ops, scalars
from pharos.targets.xegpu.workgroup.items import Items, Storage, View
from pharos.targets.xegpu.workgroup.table import item_handler_of

__all__ = ["LockstepKernel", "item_ops"]
Values = dict[Any, Any]
Step = Callable[[Items, Values], None]
_AT_ONCE = 1 << 14  # work-items
_ATTRIBUTIONS = "workgroup_attributions"


class LockstepKernel:
    """A ``gpu.func`` of one work-item, ready to run. The operation must outlive this.

    CompileError with the place of an operation that has no meaning at this level.
    """

    def __init__(self, function: Any) -> None:
        self.name = function.attributes["sym_name"].value
        self._block = function.regions[0].blocks[0]
        arguments = list(self._block.arguments)
        kind = mlir.FunctionType(mlir.TypeAttr(function.attributes["function_type"]).value)
        self._given, self._own = arguments[: len(kind.inputs)], arguments[len(kind.inputs) :]
        self.kinds = [argument.type for argument in self._given]
        local = function.attributes
        self._locals = mlir.IntegerAttr(local[_ATTRIBUTIONS]).value if _ATTRIBUTIONS in local else 0
        with function.context:
            self._steps = _steps(self._block)

    def run(self, launch: Any, operands: Sequence[float], regions: Sequence[Any]) -> None:
        """Run all workgroups of ``launch`` (``grid``, ``block``). ``operands`` are numbers,
        addresses for pointers; ``regions`` all memory that the kernel may touch."""
        grid = (*launch.grid, 1, 1)[:3]
        numbers = itertools.product(*(range(n) for n in reversed(grid)))
        blocks = np.array([(x, y, z) for z, y, x in numbers], np.int64)
        together = max(1, _AT_ONCE // int(np.prod(launch.block)))
        with self._block.owner.context, np.errstate(all="ignore"):
            for first in range(0, len(blocks), together):
                items = Items(blocks[first : first + together], launch.block, regions)
                values = self._arguments(items, operands)
                for step in self._steps:
                    step(items, values)

    def _arguments(self, items: Items, operands: Sequence[float]) -> Values:
        found: Values = {}
        for argument, value in zip(self._given, operands, strict=True):
            kind = argument.type
            if isinstance(kind, mlir.MemRefType):
                found[argument] = view_of(kind, items.buffer(int(value)))
            else:
                found[argument] = np.full(1, value, scalars.dtype_of(kind))
        for number, argument in enumerate(self._own):
            size = item_ops.bytes_of(argument.type)
            storage = items.local(size) if number < self._locals else items.private(size)
            found[argument] = view_of(argument.type, storage)
        return found


def view_of(kind: Any, storage: Storage) -> View:
    """``storage`` as a memref of the type ``kind``, whose shape is static."""
    memref = mlir.MemRefType(kind)
    if not memref.has_static_shape:
        raise UserError(f"a kernel at workgroup level takes static shapes, found {kind}")
    strides, offset = memref.get_strides_and_offset()
    element = str(memref.element_type)
    return View(storage, offset, tuple(memref.shape), tuple(strides), element)


def _steps(block: Any) -> list[Step]:
    """What the operations of ``block`` do, but for its last one, which ends it."""
    made = {"scf.for": _for, "scf.if": _if, "scf.while": _while}
    operations = [operation.operation for operation in block.operations]
    return [made.get(o.name, _plain)(o) for o in operations[:-1]]


def _ended(block: Any) -> list[Any]:
    """What the last operation of ``block`` hands on."""
    return list(list(block.operations)[-1].operation.operands)


def _plain(operation: Any) -> Step:
    run, operands, results = (
        item_handler_of(operation),
        list(operation.operands),
        list(operation.results),
    )

    def step(items: Items, values: Values) -> None:
        found = run(items, *(values[operand] for operand in operands))
        values.update(zip(results, found, strict=True))

    return step


def _if(operation: Any) -> Step:
    condition, results = operation.operands[0], list(operation.results)
    branches = [r.blocks[0] if len(r.blocks) else None for r in operation.regions]
    inside = [([], []) if b is None else (_steps(b), _ended(b)) for b in branches]

    def step(items: Items, values: Values) -> None:
        outside, holds = items.active, np.broadcast_to(values[condition], items.active.shape)
        ends: list[list[Any] | None] = []
        for (steps, ended), own in zip(inside, (outside & holds, outside & ~holds), strict=True):
            if not own.any():
                ends.append(None)
                continue
            items.active = own
            for one in steps:
                one(items, values)
            ends.append([values[value] for value in ended])
        items.active = outside
        for number, result in enumerate(results):
            values[result] = _joined(holds, *(end and end[number] for end in ends))

    return step


def _joined(holds: Any, a: Any, b: Any) -> Any:
    """``a`` where the condition holds, else ``b``; None is what nobody made."""
    if a is None or b is None:
        return b if a is None else a
    return chosen(holds, a, b)


def chosen(condition: Any, a: Any, b: Any) -> Any:
    """``a`` where ``condition``, a number of each work-item or as many as ``a`` has, holds."""
    a, b = np.asarray(a), np.asarray(b)
    return np.where(np.reshape(condition, condition.shape + (1,) * (a.ndim - condition.ndim)), a, b)


def _for(operation: Any) -> Step:
    first, end, by, *initial = list(operation.operands)
    block = operation.regions[0].blocks[0]
    index, *carried = list(block.arguments)
    inside, yielded, results = _steps(block), _ended(block), list(operation.results)

    def step(items: Items, values: Values) -> None:
        outside, at = items.active, values[first]
        current = [values[value] for value in initial]
        while (own := outside & (at < values[end])).any():
            items.active = own
            values[index] = at
            values.update(zip(carried, current, strict=True))
            for one in inside:
                one(items, values)
            current = _moved(own, outside, [values[v] for v in yielded], current)
            at = at + values[by]
        items.active = outside
        values.update(zip(results, current, strict=True))

    return step


def _while(operation: Any) -> Step:
    before, after = (region.blocks[0] for region in operation.regions)
    asking, doing = _steps(before), _steps(after)
    condition, *forwarded = _ended(before)
    yielded, results = _ended(after), list(operation.results)
    starts, arguments = list(before.arguments), list(after.arguments)
    initial = list(operation.operands)

    def step(items: Items, values: Values) -> None:
        outside = own = items.active
        current = [values[value] for value in initial]
        found: list[Any] = []
        while own.any():
            items.active = own
            values.update(zip(starts, current, strict=True))
            for one in asking:
                one(items, values)
            passed = [values[value] for value in forwarded]
            found = _moved(own, outside, passed, found) if found else passed
            own = own & np.broadcast_to(values[condition], own.shape)
            items.active = own
            values.update(zip(arguments, passed, strict=True))
            if own.any():
                for one in doing:
                    one(items, values)
                current = _moved(own, outside, [values[v] for v in yielded], current)
        items.active = outside
        values.update(zip(results, found, strict=True))

    return step


def _moved(own: Any, outside: Any, new: list[Any], old: list[Any]) -> list[Any]:
    """``new`` for the work-items ``own``, ``old`` for those of ``outside`` that have ended."""
    if np.array_equal(own, outside):
        return new
    return [chosen(own, a, b) for a, b in zip(new, old, strict=True)]
