"""Loads and stores of one element, or of a vector of neighbours, at places counted in elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.loops.flat import Flat, Reach
from pharos.targets.common.loops.numbers import Number, Numbers
from pharos.targets.common.nests.nest import expression_uses


class Memory:
    """Reaches the operands of ``found`` inside a kernel.

    ``buffers`` are the memrefs that stand for the operands there, None for those never reached.
    """

    def __init__(self, found: Flat, buffers: Sequence[Any], numbers: Numbers) -> None:
        self._found, self._buffers, self._numbers = found, buffers, numbers
        self._bases: dict[int, tuple[Any, Any]] = {}

    def load(self, reach: Reach, at: Sequence[Number], width: int = 1) -> Any:
        """The element at iteration ``at``; a vector of ``width`` elements that follow it."""
        if reach.odd:
            return dialect("memref").load(self._buffers[reach.number], self._indices(reach, at))
        return self.load_place(reach, self.place(reach, at), width)

    def store(self, reach: Reach, at: Sequence[Number], value: Any) -> None:
        """Store an element, or a vector at the element and those that follow it."""
        if reach.odd:
            indices = self._indices(reach, at)
            dialect("memref").store(value, self._buffers[reach.number], indices)
        else:
            self.store_place(reach, self.place(reach, at), value)

    def place(self, reach: Reach, at: Sequence[Number]) -> Number:
        """Where iteration ``at`` reaches the operand, in elements from its first."""
        total: Number = reach.offset or 0
        for position, stride in zip(at, reach.strides, strict=True):
            if stride:
                total = self._numbers.add(total, self._numbers.mul(position, stride))
        return total

    def load_place(self, reach: Reach, place: Number, width: int = 1) -> Any:
        """The element at ``place``, or a vector of ``width`` from there on."""
        base, index = self._base(reach), self._index(reach, place)
        if width == 1:
            return dialect("memref").load(base, [index])
        kind = mlir.VectorType.get([width], reach.element)
        return dialect("vector").load(kind, base, [index], alignment=width * reach.bytes)

    def store_place(self, reach: Reach, place: Number, value: Any) -> None:
        """Store an element at ``place``, or a vector from there on."""
        base, index = self._base(reach), self._index(reach, place)
        if isinstance(value.type, mlir.VectorType):
            alignment = value.type.shape[0] * reach.bytes
            dialect("vector").store(value, base, [index], alignment=alignment)
        else:
            dialect("memref").store(value, base, [index])

    def _index(self, reach: Reach, place: Number) -> Any:
        index, moved = self._numbers.index(place), self._bases[reach.number][1]
        return index if moved is None else dialect("arith").addi(index, moved)

    def prepare(self) -> None:
        """Make the views of all operands at the insertion point, before any branch."""
        for reach in self._found.reaches:
            if not reach.odd and self._buffers[reach.number] is not None:
                self._base(reach)

    def _base(self, reach: Reach) -> Any:
        """The memory behind the operand as one dimension, counted from its start."""
        if reach.number not in self._bases:
            buffer = self._buffers[reach.number]
            moved = None
            if reach.offset is None:
                moved = dialect("memref").ExtractStridedMetadataOp(buffer).offset
            self._bases[reach.number] = (_one_dimension(buffer, moved), moved)
        return self._bases[reach.number][0]

    def _indices(self, reach: Reach, at: Sequence[Number]) -> list[Any]:
        """The indices of an operand whose accesses are not linear."""
        numbers, map_ = self._numbers, reach.access.map
        values = [numbers.index(0)] * map_.n_dims
        for loop, position in zip(self._found.loops, at, strict=True):
            if any(expression_uses(e, d) for e in reach.access.indices for d in loop.dims):
                values[loop.dims[0]] = numbers.index(position)
        return [
            dialect("affine").apply(mlir.AffineMap.get(map_.n_dims, 0, [e]), values)
            for e in reach.access.indices
        ]


def _one_dimension(buffer: Any, moved: Any) -> Any:
    """``buffer``'s memory from its start (where it starts when ``moved`` is where) to its end."""
    kind = buffer.type
    strides, offset = kind.get_strides_and_offset()
    reached = sum((n - 1) * s for n, s in zip(kind.shape, strides, strict=True)) + 1
    start = 0 if moved is not None else int(offset)
    size = max(1, reached + start)
    if moved is None and kind.rank == 1 and strides == [1] and start == 0:
        return buffer
    memref = dialect("memref")
    if moved is None:
        flat = mlir.MemRefType.get([size], kind.element_type, memory_space=kind.memory_space)
        return memref.ReinterpretCastOp(flat, buffer, [], [], [], [0], [size], [1]).result
    # A pointer to the first element is not to be had: counted from the start of the memory, whose
    # end is unknown, the view is as long as an index can be.
    most = (1 << 31) - 1
    flat = mlir.MemRefType.get([most], kind.element_type, memory_space=kind.memory_space)
    return memref.ReinterpretCastOp(flat, buffer, [], [], [], [0], [most], [1]).result
