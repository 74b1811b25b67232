"""The pipeline step: what linalg computes on the host becomes launches of kernels.

    linalg.generic over (i, j, k), k a reduction
    ==>
    points = I * J
    if points > 0:
      gpu.launch in blocks of 256:
        p = block * 256 + work-item
        if p < points: i, j = p / J, p % J; for k: body

Sizes may be known only at run time. Loops that the program itself wrote stay on the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos import ir
from pharos.ir.bindings import dialect, mlir

_OURS = "pharos.host"
_PARALLEL, _LAUNCH = "scf.parallel", "gpu.launch"
_KERNELS = (_LAUNCH, "gpu.module")


@dataclass(frozen=True)
class LinalgKernels:
    """Every linalg operation of a host function, on memory, becomes a launch.

    Blocks have ``block`` work-items, each of which computes one point of the parallel loops.
    """

    name: ClassVar[str] = "linalg-kernels"
    block: int = 256

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            for loop in _of_host(module, _PARALLEL):
                loop.attributes[_OURS] = mlir.UnitAttr.get()
            for operation in _of_host(module, "linalg."):
                _give_loop(operation)
            ir.run_passes(module, "func.func(convert-linalg-to-parallel-loops)")
            for loop in _of_host(module, _PARALLEL):
                if _OURS in loop.attributes:
                    del loop.attributes[_OURS]
                else:
                    self._launch(loop)
        return module

    def _launch(self, loop: Any) -> None:
        """Replace one ``scf.parallel`` that reduces nothing."""
        rank = len(loop.regions[0].blocks[0].arguments)
        bounds = list(loop.operands)
        low, high, step = bounds[:rank], bounds[rank : 2 * rank], bounds[2 * rank : 3 * rank]
        with mlir.InsertionPoint(loop), loop.location:
            arith, scf = dialect("arith"), dialect("scf")
            sizes = [
                arith.ceildivsi(arith.subi(end, start), by)
                for start, end, by in zip(low, high, step, strict=True)
            ]
            points = _product(sizes)
            some = arith.cmpi(arith.CmpIPredicate.sgt, points, _index(0))
            with mlir.InsertionPoint(scf.IfOp(some).then_block):
                self._write(loop, low, step, sizes, points)
                scf.YieldOp([])
        loop.erase()

    def _write(
        self, loop: Any, low: Sequence[Any], step: Sequence[Any], sizes: Sequence[Any], points: Any
    ) -> None:
        arith, scf = dialect("arith"), dialect("scf")
        one, block = _index(1), _index(self.block)
        blocks = arith.ceildivsi(points, block)
        body = _launched([blocks, one, one], [block, one, one])
        with mlir.InsertionPoint(body):
            first = arith.muli(body.arguments[0], _index(self.block))
            point = arith.addi(first, body.arguments[3])
            taken = scf.IfOp(arith.cmpi(arith.CmpIPredicate.slt, point, points))
            mlir.Operation.create("gpu.terminator")
        with mlir.InsertionPoint(taken.then_block):
            places = _places(point, low, step, sizes)
            inner = loop.regions[0].blocks[0]
            for argument, place in zip(inner.arguments, places, strict=True):
                argument.replace_all_uses_with(place)
            at = mlir.InsertionPoint(taken.then_block)
            for operation in list(inner.operations)[:-1]:
                at.insert(operation.operation.detach_from_parent())
            scf.YieldOp([])


def _of_host(module: Any, name: str) -> list[Any]:
    """The operations outside of kernels whose names begin so, inner ones first."""
    found = [o for o in ir.operations(module, skip=_KERNELS) if o.name.startswith(name)]
    return [o for o in reversed(found) if not _inside_linalg(o)]


def _inside_linalg(operation: Any) -> bool:
    return operation.parent is not None and operation.parent.name.startswith("linalg.")


def _give_loop(operation: Any) -> None:
    """Put an operation that has no parallel loop into one of one step."""
    kinds = operation.attributes.get("iterator_types")
    if kinds is None or any("parallel" in str(kind) for kind in kinds):
        return
    with mlir.InsertionPoint(operation), operation.location:
        bounds = [_index(0), _index(1), _index(1)]
        segments = mlir.DenseI32ArrayAttr.get([1, 1, 1, 0])
        loop = mlir.Operation.create(
            _PARALLEL, operands=bounds, attributes={"operandSegmentSizes": segments}, regions=1
        )
        body = loop.regions[0].blocks.append(mlir.IndexType.get())
        with mlir.InsertionPoint(body):
            mlir.Operation.create("scf.reduce")
    operation.move_before(body.operations[0].operation)


def _launched(grid: Sequence[Any], block: Sequence[Any]) -> Any:
    """The block of a new ``gpu.launch``: block and work-item numbers, then the sizes."""
    # Dependencies, grid and block, cluster, dynamic shared memory, stream.
    segments = [0, *[1] * 6, 0, 0, 0, 0, 0]
    launch = mlir.Operation.create(
        _LAUNCH,
        operands=[*grid, *block],
        attributes={"operandSegmentSizes": mlir.DenseI32ArrayAttr.get(segments)},
        regions=1,
    )
    return launch.regions[0].blocks.append(*[mlir.IndexType.get()] * 12)


def _places(point: Any, low: Sequence[Any], step: Sequence[Any], sizes: Sequence[Any]) -> list[Any]:
    """What the loops' variables are at point number ``point``; the last runs fastest."""
    arith = dialect("arith")
    rest, found = point, []
    for start, by, size in reversed(list(zip(low, step, sizes, strict=True))):
        number = arith.remui(rest, size)
        rest = arith.divui(rest, size)
        found.append(arith.addi(start, arith.muli(number, by)))
    return found[::-1]


def _product(values: Sequence[Any]) -> Any:
    product = values[0]
    for value in values[1:]:
        product = dialect("arith").muli(product, value)
    return product


def _index(value: int) -> Any:
    return dialect("arith").constant(mlir.IndexType.get(), value)
