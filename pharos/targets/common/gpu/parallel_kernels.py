"""Loops that a host function has around memory become kernels, one work-item per point.

    scf.parallel (%i, %j) = (0, 0) to (4, 100) step (1, 1) { body }
    ==>
    gpu.launch_func: 4 * 100 work-items in blocks of 128, the body under "if the point exists"

Sequential loops that load or store become a kernel of one work-item. This takes everything and
makes nothing fast: what other kernel stages leave goes through it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import CompileError, operations, span_of
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.gpu.kernels import launched
from pharos.targets.common.signatures import functions

_MEMORY = ("memref.load", "memref.store")
_LOOPS = ("scf.parallel", "scf.for", "scf.while", "scf.if")


@dataclass(frozen=True)
class ParallelKernels:
    """Each outermost loop nest of the host that touches elements becomes a kernel.

    Blocks have ``block`` work-items. A single load of an element by the host stays, and is refused
    later.
    """

    name: ClassVar[str] = "parallel-kernels"
    block: int = 128

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            for function in functions(module):
                for operation in list(_outermost(function.operation)):
                    self._launch(operation)
        return module

    def _launch(self, loop: Any) -> None:
        captured, constants = _captured(loop)
        sizes = _sizes(loop) if loop.name == "scf.parallel" else []
        points = math.prod(sizes)
        block = self.block if sizes else 1
        if not points:
            loop.erase()
            return
        grid = -(-points // block)
        with launched(loop, _hint(loop), captured, grid=(grid,), block=(block,)) as kernel:
            clone = loop.clone()
            inside = dict(zip(captured, kernel.arguments, strict=True))
            inside |= {value: value.owner.clone().results[0] for value in constants}
            _replace(clone, inside)
            if sizes:
                clone.detach_from_parent()
                _write_point(clone, sizes, block, points)
        # The constants were cloned behind the loop that uses them.
        _constants_first(kernel.function)
        loop.erase()


def _hint(loop: Any) -> str:
    return "points" if loop.name == "scf.parallel" else "sequence"


def _outermost(function: Any) -> Iterator[Any]:
    """The loops of ``function`` that touch elements, without those inside them."""
    for region in function.regions:
        for block in region.blocks:
            for operation in block.operations:
                operation = operation.operation
                if operation.name in _LOOPS and _touches(operation):
                    yield operation
                elif operation.name in _LOOPS:
                    yield from _outermost(operation)


def _touches(loop: Any) -> bool:
    """Whether the loop itself works on elements; not whether it holds launches."""
    names = {op.name for op in _inside(loop)}
    return loop.name == "scf.parallel" or (
        bool(names.intersection(_MEMORY)) and "gpu.launch_func" not in names
    )


def _inside(operation: Any) -> list[Any]:
    return operations(operation, outer_first=True)


def _captured(loop: Any) -> tuple[list[Any], list[Any]]:
    """What the loop uses from outside: values, and constants."""
    operations = _inside(loop)
    own = {result for op in operations for result in op.results}
    own |= {a for op in operations for region in op.regions for b in region.blocks
            for a in b.arguments}  # fmt: skip
    outside = {value: None for op in operations for value in op.operands if value not in own}
    constants = [v for v in outside if _is_constant(v)]
    return [v for v in outside if not _is_constant(v)], constants


def _is_constant(value: Any) -> bool:
    owner = value.owner
    return not isinstance(owner, mlir.Block) and owner.name == "arith.constant"


def _sizes(loop: Any) -> list[int]:
    """The trip counts of an scf.parallel that runs from 0 by steps of 1."""
    rank = len(loop.regions[0].blocks[0].arguments)
    bounds = [v.owner.attributes["value"].value if _is_constant(v) else None for v in loop.operands]
    low, high, step = (bounds[n * rank : (n + 1) * rank] for n in range(3))
    known = None not in (*low, *high, *step) and len(bounds) == 3 * rank
    if not known or any(low) or any(s != 1 for s in step):
        error = CompileError(
            "'scf.parallel' becomes a kernel when it runs from 0 to constants by steps of 1 and "
            "reduces nothing",
            span=span_of(loop.location),
        )
        error.operation = loop.name
        raise error
    return [int(size) for size in high if size is not None]


def _replace(clone: Any, inside: dict[Any, Any]) -> None:
    for operation in _inside(clone):
        for number, value in enumerate(operation.operands):
            if value in inside:
                operation.operands[number] = inside[value]


def _write_point(loop: Any, sizes: Sequence[int], block: int, points: int) -> None:
    """The body of ``loop`` for the point that this work-item is for."""
    arith, gpu, scf = dialect("arith"), dialect("gpu"), dialect("scf")
    index = mlir.IndexType.get()

    def constant(value: int) -> Any:
        return arith.constant(index, value)

    first = arith.muli(gpu.block_id(gpu.Dimension.x), constant(block))
    linear = arith.addi(first, gpu.thread_id(gpu.Dimension.x))
    exists = arith.cmpi(arith.CmpIPredicate.ult, linear, constant(points))
    taken = scf.IfOp(exists)
    body = loop.regions[0].blocks[0]
    with mlir.InsertionPoint(taken.then_block):
        rest, places = linear, []
        for size in reversed(sizes):
            places.append(arith.remui(rest, constant(size)))
            rest = arith.divui(rest, constant(size))
        for argument, place in zip(body.arguments, reversed(places), strict=True):
            argument.replace_all_uses_with(place)
        point = mlir.InsertionPoint(taken.then_block)
        for operation in list(body.operations)[:-1]:
            point.insert(operation.operation.detach_from_parent())
        scf.YieldOp([])


def _constants_first(function: Any) -> None:
    block = function.regions[0].blocks[0]
    for operation in reversed(list(block.operations)):
        if operation.operation.name == "arith.constant":
            first = block.operations[0].operation
            if operation.operation != first:
                operation.operation.move_before(first)
