"""Loads and stores of one element, or of a vector of them along the vector loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.lanes import shuffled, splat
from pharos.targets.common.nests.nest import Access, expression_uses
from pharos.targets.cpu.kernels import is_flat

# Bytes of a line of the caches, and how far ahead of a loop it is asked for.
LINE, AHEAD = 64, 2048

Position = Callable[[int], Any]
"""The value of a loop, by its number."""


class Memory:
    """Reaches ``buffers``, the memrefs of the operands, with vectors of ``width`` elements along
    loop ``vector`` (None: one element at a time).

    ``first`` has for operands that are parts of arrays, by number, the iteration of loop 0 that
    their first row belongs to.
    """

    def __init__(
        self,
        buffers: Sequence[Any],
        loops: int,
        vector: int | None,
        width: int,
        first: Mapping[int, Any],
    ) -> None:
        self.buffers = list(buffers)
        self._loops, self._vector, self.width = loops, vector, width
        self._first_row = first
        self._zero = index.constant(0)
        self._remaining: dict[Any, Any] = {}  # of masks: how many lanes they have, or more

    def indices(self, access: Access, position: Position) -> list[Any]:
        """The indices of the element (of the first one of a vector) at the insertion point."""
        first = self._first_row.get(access.operand)

        def inside(dim: int) -> Any:
            return index.sub(position(dim), first) if first and dim == 0 else position(dim)

        indices = [self._value(expression, inside) for expression in access.indices]
        if not is_flat(self.buffers[access.operand].type):
            return indices
        strides, offset = access.type.get_strides_and_offset()
        place = index.constant(offset)
        for value, stride in zip(indices, strides, strict=True):
            place = index.add(place, index.mul(value, index.constant(stride)))
        return [place]

    def _value(self, expression: Any, position: Position) -> Any:
        if isinstance(expression, mlir.AffineDimExpr):
            return position(expression.position)
        if isinstance(expression, mlir.AffineConstantExpr):
            return index.constant(expression.value)
        return self._applied(expression, position)

    def _applied(self, expression: Any, position: Position) -> Any:
        # Loops that the expression does not mention may not be open here.
        values = [
            position(d) if expression_uses(expression, d) else self._zero
            for d in range(self._loops)
        ]
        map_ = mlir.AffineMap.get(self._loops, 0, [expression])
        return dialect("affine").apply(map_, values)

    def load(self, access: Access, position: Position, mask: Any) -> Any:
        """The element that ``access`` reaches; a vector when it moves along the vector loop.

        Lanes that ``mask`` leaves out (None: no lane) are zero, and their memory is not read.
        """
        buffer, indices = self.buffers[access.operand], self.indices(access, position)
        stride = self._stride(access)
        if stride == 0:
            return dialect("memref").load(buffer, indices)
        vector = dialect("vector")
        type_ = mlir.VectorType.get([self.width], access.element)
        if stride == 1 and mask is None:
            return vector.load(type_, buffer, indices)
        zero = splat(type_, 0)
        if stride == -1:
            return self._turned(self._load_up_to(type_, buffer, indices, mask))
        if stride == 1:
            return vector.maskedload(type_, buffer, indices, mask, zero)
        if stride == 2 and (mask is None or mask in self._remaining):
            return self._every_second(type_, buffer, indices, mask)
        steps, lanes = self._steps(stride), mask or self._all()
        return vector.gather(type_, buffer, indices, steps, lanes, zero)

    def _load_up_to(self, type_: Any, buffer: Any, indices: list[Any], mask: Any) -> Any:
        """The elements before and at ``indices``, in the order of memory; a mask counts from the
        last one down."""
        vector, places = dialect("vector"), self._first(indices)
        if mask is None:
            return vector.load(type_, buffer, places)
        return vector.maskedload(type_, buffer, places, self._turned(mask), splat(type_, 0))

    def _first(self, indices: list[Any]) -> list[Any]:
        """The lowest place of a vector whose lane 0 is at ``indices``, the highest."""
        return [*indices[:-1], index.sub(indices[-1], index.constant(self.width - 1))]

    def _turned(self, lanes: Any) -> Any:
        """The last lane first."""
        return shuffled(lanes, lanes, range(self.width - 1, -1, -1))

    def _every_second(self, type_: Any, buffer: Any, indices: list[Any], mask: Any) -> Any:
        """Lanes 0, 2, 4, ... of two vectors that follow each other.

        Without a mask that reads the element after the last one that is wanted: the caller knows
        that it exists. With one, nothing after the last lane's element is read.
        """
        vector = dialect("vector")
        pair = mlir.VectorType.get([2 * self.width], type_.element_type)
        if mask is None:
            return vector.deinterleave(vector.load(pair, buffer, indices))[0]
        remaining = self._remaining[mask]
        last = index.sub(index.mul(remaining, index.constant(2)), index.constant(1))
        lanes = mlir.VectorType.get([2 * self.width], mlir.IntegerType.get_signless(1))
        wanted = vector.create_mask(lanes, [last])
        both = vector.maskedload(pair, buffer, indices, wanted, splat(pair, 0))
        return vector.deinterleave(both)[0]

    def store(self, access: Access, position: Position, value: Any, mask: Any) -> None:
        """Store an element, or those lanes of a vector that ``mask`` has (None: all)."""
        buffer, indices = self.buffers[access.operand], self.indices(access, position)
        vector = dialect("vector")
        if not isinstance(value.type, mlir.VectorType):
            dialect("memref").store(value, buffer, indices)
        elif self._stride(access) == -1:
            self._store_up_to(buffer, indices, self._turned(value), mask)
        elif self._stride(access) != 1:
            steps = self._steps(self._stride(access))
            vector.ScatterOp(None, buffer, indices, steps, mask or self._all(), value)
        elif mask is None:
            vector.store(value, buffer, indices)
        else:
            vector.maskedstore(buffer, indices, mask, value)

    def _store_up_to(self, buffer: Any, indices: list[Any], value: Any, mask: Any) -> None:
        """As ``_load_up_to``."""
        vector, places = dialect("vector"), self._first(indices)
        if mask is None:
            vector.store(value, buffer, places)
        else:
            vector.maskedstore(buffer, places, self._turned(mask), value)

    def ask_ahead(self, accesses: Sequence[tuple[Access, bool]], position: Position) -> None:
        """Ask for what a loop over vectors reaches ``AHEAD`` bytes from now; True: to write it.

        Addresses past the end of a buffer are harmless in a prefetch.
        """
        for access, write in accesses:
            indices = self.indices(access, position)
            bytes_ = max(8, access.element.width) // 8
            for line in range(0, self.width * bytes_, LINE):
                ahead = index.constant((AHEAD + line) // bytes_)
                place = [*indices[:-1], dialect("arith").addi(indices[-1], ahead)]
                dialect("memref").prefetch(self.buffers[access.operand], place, write, 3, True)

    def mask(self, remaining: Any) -> Any:
        """The first ``remaining`` lanes."""
        mask = dialect("vector").create_mask(self._lanes(1), [remaining])
        self._remaining[mask] = remaining
        return mask

    def _stride(self, access: Access) -> int:
        """Elements between the lanes; 0 when all lanes are the same element."""
        if self._vector is None or not access.uses(self._vector):
            return 0
        stride = access.stride(self._vector)
        if stride is None:
            raise ValueError("a vector loop along an operand whose steps are not known")
        return stride

    def _lanes(self, bits: int) -> Any:
        return mlir.VectorType.get([self.width], mlir.IntegerType.get_signless(bits))

    def _all(self) -> Any:
        return splat(self._lanes(1), 1)

    def _steps(self, stride: int) -> Any:
        """How far each lane is from the first one, in elements."""
        bits = 32 if abs(stride) * self.width < 1 << 31 else 64
        integer = mlir.IntegerType.get_signless(bits)
        numbers = [mlir.IntegerAttr.get(integer, lane * stride) for lane in range(self.width)]
        attribute = mlir.DenseElementsAttr.get(numbers, self._lanes(bits))
        return dialect("arith").ConstantOp(self._lanes(bits), attribute).result
