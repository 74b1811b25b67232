"""Blocks of an operand copied into the order that kernels read them in, as f32.

    target[other * stride + lane] = source[base + lane * lane_step + other * other_step]

Queries are staged with their rows on lanes, keys and values with the head size, masks with query
rows. Where lanes are neighbours in memory, vectors are loaded; where the others are, square blocks
are transposed in registers; else lanes are gathered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast
from pharos.targets.cpu.attention.site import Place
from pharos.targets.cpu.attention.vectors import widened
from pharos.targets.cpu.contractions.transpose import transpose


@dataclass(frozen=True)
class Source:
    """A block of ``place`` from offset ``base`` on; ``lanes`` of it exist, at least one."""

    place: Place
    base: Any
    lane_step: Any
    other_step: Any
    lanes: Any


@dataclass(frozen=True)
class Target:
    """Where to: rows of ``vectors * width`` elements that are ``stride`` apart in ``buffer``."""

    buffer: Any
    base: Any
    stride: int
    vectors: int
    width: int
    factor: float = 1.0

    def at(self, other: Any, vector: int) -> Any:
        """The offset of a vector of row ``other``."""
        row = index.add(self.base, index.mul(other, index.constant(self.stride)))
        return index.add(row, index.constant(vector * self.width))


def stage(source: Source, target: Target, low: Any, high: Any, factor: float = 1.0) -> None:
    """Copy others ``low .. high``, times ``factor``; lanes beyond the last are anything.

    The target has room for a whole number of ``width`` others from ``low`` on.
    """
    target = replace(target, factor=factor)
    if str(source.place.element) == "i1":
        _bits(source, target, low, high)
    elif index.known(source.lane_step) == 1:
        _each(target, low, high, lambda other, v: _neighbours(source, target, other, v))
    elif index.known(source.other_step) == 1:
        _transposed(source, target, low, high)
    else:
        _each(target, low, high, lambda other, v: _gathered(source, target, other, v))


def _each(target: Target, low: Any, high: Any, read: Any) -> None:
    def body(other: Any, _: list[Any]) -> list[Any]:
        for v in range(target.vectors):
            value = _stored(read(other, v), target)
            dialect("vector").store(value, target.buffer, [target.at(other, v)])
        return []

    index.loop(low, high, 1, [], body)


def _stored(value: Any, target: Target) -> Any:
    """``value`` as the target holds it: floats are widened where it is of f32."""
    element = mlir.MemRefType(target.buffer.type).element_type
    value = value if value.type.element_type == element else widened(value)
    return value if target.factor == 1.0 else dialect("arith").mulf(value, _factor(value, target))


def _factor(value: Any, target: Target) -> Any:
    number = mlir.FloatAttr.get(mlir.F32Type.get(), target.factor)
    splat = mlir.DenseElementsAttr.get_splat(value.type, number)
    return dialect("arith").ConstantOp(value.type, splat).result


def byte_or(element: Any) -> Any:
    """What elements are staged as: bits, of which a vector cannot be loaded, as bytes."""
    return mlir.IntegerType.get_signless(8) if str(element) == "i1" else element


def _bits(source: Source, target: Target, low: Any, high: Any) -> None:
    """Lane by lane: a vector of i1 in memory would be bits, and there are bytes."""
    memref, byte = dialect("memref"), mlir.IntegerType.get_signless(8)

    def each(other: Any, _: list[Any]) -> list[Any]:
        def one(lane: Any, _: list[Any]) -> list[Any]:
            at = index.add(source.base, index.mul(other, source.other_step))
            at = index.add(at, index.mul(lane, source.lane_step))
            value = dialect("arith").extui(byte, memref.load(source.place.flat, [at]))
            memref.store(value, target.buffer, [index.add(target.at(other, 0), lane)])
            return []

        return index.loop(index.constant(0), source.lanes, 1, [], one)

    index.loop(low, high, 1, [], each)


def _mask(source: Source, target: Target, v: int) -> Any:
    left = index.sub(source.lanes, index.constant(v * target.width))
    return lane_mask(target.width, left)


def _whole(source: Source, target: Target, v: int) -> bool:
    """Whether all lanes of vector ``v`` are known to exist."""
    known = index.known(source.lanes)
    return known is not None and known >= (v + 1) * target.width


def _neighbours(source: Source, target: Target, other: Any, v: int) -> Any:
    at = index.add(source.base, index.mul(other, source.other_step))
    at = index.add(at, index.constant(v * target.width))
    if _whole(source, target, v):
        type_ = mlir.VectorType.get([target.width], source.place.element)
        return dialect("vector").load(type_, source.place.flat, [at])
    return masked_load(source.place, at, _mask(source, target, v), target.width)


def _gathered(source: Source, target: Target, other: Any, v: int) -> Any:
    at = index.add(source.base, index.mul(other, source.other_step))
    first, type_ = v * target.width, mlir.VectorType.get([target.width], mlir.IndexType.get())
    arith = dialect("arith")
    lanes = arith.addi(
        dialect("vector").step(type_), broadcast(index.constant(first), target.width)
    )
    offsets = arith.muli(lanes, broadcast(source.lane_step, target.width))
    mask = _mask(source, target, v)
    type_ = mlir.VectorType.get([target.width], source.place.element)
    return dialect("vector").gather(type_, source.place.flat, [at], offsets, mask, zeros(type_))


def _transposed(source: Source, target: Target, low: Any, high: Any) -> None:
    """Blocks of ``width`` others by ``width`` lanes; lanes beyond the last repeat it.

    Others are walked inside: each lane is read in the order of memory.
    """
    last = index.sub(source.lanes, index.constant(1))

    def lanes(first: Any, _: list[Any]) -> list[Any]:
        numbers = [index.add(first, index.constant(r)) for r in range(target.width)]
        starts = [
            index.add(source.base, index.mul(index.minimum(one, last), source.lane_step))
            for one in numbers
        ]

        def block(other: Any, _: list[Any]) -> list[Any]:
            mask = lane_mask(target.width, index.sub(high, other))
            rows = [
                masked_load(source.place, index.add(at, other), mask, target.width) for at in starts
            ]
            for r, column in enumerate(transpose(rows)):
                to = index.add(target.at(index.add(other, index.constant(r)), 0), first)
                dialect("vector").store(_stored(column, target), target.buffer, [to])
            return []

        return index.loop(low, high, target.width, [], block)

    count = index.constant(target.vectors * target.width)
    index.loop(index.constant(0), count, target.width, [], lanes)


def lane_mask(width: int, count: Any) -> Any:
    """The first ``count`` of ``width`` lanes; all or none for counts beyond."""
    type_ = mlir.VectorType.get([width], mlir.IntegerType.get_signless(1))
    return dialect("vector").create_mask(type_, [count])


def masked_load(place: Place, at: Any, mask: Any, width: int) -> Any:
    """``width`` neighbours from ``at`` on, zero where ``mask`` is off."""
    type_ = mlir.VectorType.get([width], place.element)
    return dialect("vector").maskedload(type_, place.flat, [at], mask, zeros(type_))


def zeros(type_: Any) -> Any:
    """A vector of zeros."""
    element = type_.element_type
    whole = isinstance(element, (mlir.IntegerType, mlir.IndexType))
    zero = mlir.IntegerAttr.get(element, 0) if whole else mlir.FloatAttr.get(element, 0.0)
    return dialect("arith").ConstantOp(type_, mlir.DenseElementsAttr.get_splat(type_, zero)).result
