"""Vectors of lanes that lie in memory in one or two runs, as rows of an image do.

Which it is, is the same for all inner steps: it is found once per group of lanes, outside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast
from pharos.targets.cpu.contractions import lanes as lane
from pharos.targets.cpu.contractions.places import Listed, Place

Read = Callable[[Any], Any]


def by_runs(
    place: Place,
    offsets: Listed,
    stride: int,
    first: Any,
    mask: Any,
    width: int,
    use: Callable[[Read], None],
) -> None:
    """Emit ``use(read)`` for each way in which ``width`` lanes from ``first`` may lie.

    ``read(at)`` gives the lanes at offset ``at``, zero or any valid element where ``mask`` is
    off. Within a run, lanes are ``stride`` (1 or 2) elements apart.
    """
    scf, memref = dialect("scf"), dialect("memref")
    numbers = lane.lane_offsets(offsets, first, width)
    start = memref.load(offsets.table, [first])
    one_run = all_of(_or_off(follows(numbers, start, stride, width), mask))
    branch = scf.IfOp(one_run, has_else=True)
    with mlir.InsertionPoint(branch.then_block):
        use(_run(place, index.cast(start), stride, mask, width))
        scf.YieldOp([])
    with mlir.InsertionPoint(branch.else_block):
        if stride == 1:
            _two_runs(place, offsets, numbers, first, mask, width, use)
        else:
            use(lambda at: lane.gather(place, at, numbers, mask, width))
        scf.YieldOp([])


def _two_runs(
    place: Place,
    offsets: Listed,
    numbers: Any,
    first: Any,
    mask: Any,
    width: int,
    use: Callable[[Read], None],
) -> None:
    """Two masked loads where the lanes lie in two runs; a gather where they lie in more."""
    scf, arith, memref = dialect("scf"), dialect("arith"), dialect("memref")
    start = memref.load(offsets.table, [first])
    end = memref.load(offsets.table, [index.add(first, index.constant(width - 1))])
    back = arith.ConstantOp(end.type, width - 1).result
    late = arith.subi(end, back)
    head = arith.andi(follows(numbers, start, 1, width), mask)
    tail = arith.andi(follows(numbers, late, 1, width), mask)
    branch = scf.IfOp(all_of(_or_off(arith.ori(head, tail), mask)), has_else=True)

    def read(at: Any) -> Any:
        type_ = lane.vector_of(width, place.element)
        before = lane.load(place, index.add(at, index.cast(start)), head, width)
        where = index.add(at, index.cast(late))
        return dialect("vector").maskedload(type_, place.flat, [where], tail, before)

    with mlir.InsertionPoint(branch.then_block):
        use(read)
        scf.YieldOp([])
    with mlir.InsertionPoint(branch.else_block):
        use(lambda at: lane.gather(place, at, numbers, mask, width))
        scf.YieldOp([])


def _run(place: Place, start: Any, stride: int, mask: Any, width: int) -> Read:
    if stride == 1:
        return lambda at: lane.load(place, index.add(at, start), mask, width)

    def every_other(at: Any) -> Any:
        # Only elements that are wanted are read: what follows the last may not exist.
        here = index.add(at, start)
        type_ = lane.vector_of(width, place.element)
        halves = []
        for upper in (0, 1):
            where = index.add(here, index.constant(upper * width))
            through = lane.zeros(width, place.element)
            wanted = lane.spread(mask, upper, width)
            halves.append(dialect("vector").maskedload(type_, place.flat, [where], wanted, through))
        return dialect("vector").shuffle(*halves, list(range(0, 2 * width, 2)))

    return every_other


def follows(numbers: Any, start: Any, stride: int, width: int) -> Any:
    """Which of ``numbers`` are ``start + stride * lane``."""
    arith = dialect("arith")
    element = mlir.VectorType(numbers.type).element_type
    values = [mlir.IntegerAttr.get(element, stride * j) for j in range(width)]
    type_ = lane.vector_of(width, element)
    steps = arith.ConstantOp(type_, mlir.DenseElementsAttr.get(values, type_)).result
    expected = arith.addi(steps, broadcast(start, width))
    return arith.cmpi(arith.CmpIPredicate.eq, numbers, expected)


def _or_off(lanes: Any, mask: Any) -> Any:
    arith = dialect("arith")
    ones = mlir.DenseElementsAttr.get_splat(mask.type, mlir.BoolAttr.get(True))
    off = arith.xori(mask, arith.ConstantOp(mask.type, ones).result)
    return arith.ori(lanes, off)


def all_of(lanes: Any) -> Any:
    kind = mlir.Attribute.parse("#vector.kind<and>")
    return dialect("vector").ReductionOp(mlir.IntegerType.get_signless(1), kind, lanes).result
