"""Work-items join their partial results: within a subgroup by shuffles, then through memory.

After it every work-item that took part holds the whole.
"""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.loops.joins import Join
from pharos.targets.common.loops.numbers import Numbers, when


def join_subgroup(join: Join, value: Any, lanes: int, subgroup: int) -> Any:
    """``value`` of ``lanes`` neighbouring work-items (a power of two) joined, in all of them."""
    distance = lanes // 2
    while distance:
        other = _exchanged(value, _i32(distance), subgroup, dialect("gpu").ShuffleMode.XOR)
        value = join(value, other)
        distance //= 2
    return value


def join_block(
    join: Join, value: Any, scratch: Any, thread: Any, block: int, subgroup: int, numbers: Numbers
) -> Any:
    """``value`` of all work-items of a block of several subgroups joined, in all of them.

    ``scratch`` is workgroup memory with an element for each subgroup, used for nothing else.
    """
    memref = dialect("memref")
    subgroups = block // subgroup
    value = join_subgroup(join, value, subgroup, subgroup)
    mine, lane = numbers.div(thread, subgroup), numbers.rem(thread, subgroup)
    place = [numbers.index(mine)]
    when(numbers.equal(lane, 0), lambda: _put(value, scratch, place))
    barrier()
    most = min(subgroups, subgroup)
    part = memref.load(scratch, [numbers.index(numbers.rem(lane, most))])
    for first in range(most, subgroups, most):
        place = [numbers.index(numbers.add(numbers.rem(lane, most), first))]
        part = join(part, memref.load(scratch, place))
    return join_subgroup(join, part, most, subgroup)


def from_lane(value: Any, lane: Any, subgroup: int) -> Any:
    """What the work-item ``lane`` (i32) of the subgroup holds."""
    return _exchanged(value, lane, subgroup, dialect("gpu").ShuffleMode.IDX)


def _exchanged(value: Any, operand: Any, subgroup: int, mode: Any) -> Any:
    """``gpu.shuffle``. Devices exchange 32 bits: a wider value goes in parts."""
    if value.type.width == 32:
        return _shuffled(value, operand, subgroup, mode)
    vector, i32 = dialect("vector"), mlir.IntegerType.get_signless(32)
    one, halves = mlir.VectorType.get([1], value.type), mlir.VectorType.get([2], i32)
    parts = vector.bitcast(halves, vector.broadcast(one, value))
    both = [vector.extract(parts, [], [n]) for n in range(2)]
    swapped = [_shuffled(part, operand, subgroup, mode) for part in both]
    joined = vector.from_elements(halves, swapped)
    return vector.extract(vector.bitcast(one, joined), [], [0])


def _shuffled(value: Any, operand: Any, subgroup: int, mode: Any) -> Any:
    width = _i32(subgroup)
    return dialect("gpu").ShuffleOp(value, operand, width, mode).results[0]


def _i32(number: int) -> Any:
    return dialect("arith").constant(mlir.IntegerType.get_signless(32), number)


def barrier() -> None:
    """Wait for the block; what it wrote to workgroup memory can then be read."""
    space = mlir.Attribute.parse("#gpu.address_space<workgroup>")
    dialect("gpu").BarrierOp(address_spaces=mlir.ArrayAttr.get([space]))


def _put(value: Any, scratch: Any, place: list[Any]) -> None:
    dialect("memref").store(value, scratch, place)
