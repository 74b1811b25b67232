"""Work-items join their partial results: within a subgroup by shuffles, then through memory.

After it every work-item of the row holds the whole. Sums are added in any order; f16 and bf16 in
f32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.loops.numbers import Numbers, when
from pharos.targets.common.nests.body import Combiner, broadcast
from pharos.targets.common.nests.lanes import neutral

_SIGNED = frozenset({"add", "mul", "maxsi", "minsi"})
_CONTRACT = "#arith.fastmath<contract>"


@dataclass(frozen=True)
class Join:
    """How partial results of elements of type ``element`` are joined by ``combiner``."""

    combiner: Combiner
    element: Any

    @property
    def wide(self) -> Any:
        """The type of partial results: at least 32 bits."""
        if isinstance(self.element, mlir.FloatType):
            return self.element if self.element.width >= 32 else mlir.F32Type.get()
        return mlir.IntegerType.get_signless(max(32, self.element.width))

    def start(self, width: int) -> Any:
        """What nothing has been joined to yet; a vector for ``width`` above one."""
        number = neutral(self.combiner.kind, self.element)
        is_float = isinstance(self.element, mlir.FloatType)
        kind = mlir.FloatAttr if is_float else mlir.IntegerAttr
        value = dialect("arith").ConstantOp(self.wide, kind.get(self.wide, number)).result
        return broadcast(value, width) if width > 1 else value

    def widened(self, value: Any) -> Any:
        """``value``, a number or a vector, as partial results are."""
        if self.wide == self.element:
            return value
        arith, kind = dialect("arith"), _like(value.type, self.wide)
        if isinstance(self.element, mlir.FloatType):
            return arith.extf(kind, value)
        signed = self.combiner.kind in _SIGNED
        return arith.extsi(kind, value) if signed else arith.extui(kind, value)

    def narrowed(self, value: Any) -> Any:
        """A partial result as an element."""
        if self.wide == self.element:
            return value
        arith = dialect("arith")
        if isinstance(self.element, mlir.FloatType):
            return arith.truncf(self.element, value)
        return arith.trunci(self.element, value)

    def __call__(self, left: Any, right: Any) -> Any:
        """The two joined, numbers or vectors."""
        attributes = {}
        if self.combiner.operation in ("arith.addf", "arith.mulf"):
            # A product that is added becomes one fused multiply-add.
            attributes["fastmath"] = mlir.Attribute.parse(_CONTRACT)
        return mlir.Operation.create(
            self.combiner.operation,
            results=[left.type],
            operands=[left, right],
            attributes=attributes,
        ).results[0]

    def lanes(self, value: Any) -> Any:
        """The lanes of a vector joined; numbers are returned as they are."""
        if not isinstance(value.type, mlir.VectorType):
            return value
        vector = dialect("vector")
        parts = [vector.extract(value, [], [n]) for n in range(value.type.shape[0])]
        while len(parts) > 1:
            parts = [self(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]
        return parts[0]


def _like(type_: Any, element: Any) -> Any:
    is_vector = isinstance(type_, mlir.VectorType)
    return mlir.VectorType.get(type_.shape, element) if is_vector else element


def join_subgroup(join: Join, value: Any, lanes: int, subgroup: int) -> Any:
    """``value`` of ``lanes`` neighbouring work-items (a power of two) joined, in all of them."""
    distance = lanes // 2
    while distance:
        value = join(value, _exchanged(value, distance, subgroup))
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


def _exchanged(value: Any, distance: int, subgroup: int) -> Any:
    """What the work-item whose lane differs by the bits of ``distance`` holds.

    Devices exchange 32 bits: a wider value goes in parts.
    """
    vector = dialect("vector")
    if value.type.width == 32:
        return _shuffled(value, distance, subgroup)
    i32 = mlir.IntegerType.get_signless(32)
    one = mlir.VectorType.get([1], value.type)
    halves = mlir.VectorType.get([2], i32)
    parts = vector.bitcast(halves, vector.broadcast(one, value))
    swapped = [_shuffled(vector.extract(parts, [], [n]), distance, subgroup) for n in range(2)]
    joined = vector.from_elements(halves, swapped)
    return vector.extract(vector.bitcast(one, joined), [], [0])


def _shuffled(value: Any, distance: int, subgroup: int) -> Any:
    i32 = mlir.IntegerType.get_signless(32)
    gpu, arith = dialect("gpu"), dialect("arith")
    far, width = arith.constant(i32, distance), arith.constant(i32, subgroup)
    return gpu.ShuffleOp(value, far, width, gpu.ShuffleMode.XOR).results[0]


def barrier() -> None:
    """Wait for the block; what it wrote to workgroup memory can then be read."""
    space = mlir.Attribute.parse("#gpu.address_space<workgroup>")
    dialect("gpu").BarrierOp(address_spaces=mlir.ArrayAttr.get([space]))


def _put(value: Any, scratch: Any, place: list[Any]) -> None:
    dialect("memref").store(value, scratch, place)
