"""Where a workgroup is in a product, and how it reaches the elements of a tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.xegpu import ops
from pharos.targets.xegpu.contractions.block_rules import objection
from pharos.targets.xegpu.contractions.matrices import BYTES, Matrix, Product
from pharos.targets.xegpu.contractions.tiles import DPAS_M, DPAS_N, Tiles
from pharos.targets.xegpu.indices import block, constant, counted, digits, splat, times
from pharos.targets.xegpu.layouts import Layout


class Place:
    """The tile of one workgroup: block x counts tiles of rows, y of columns, z batches.

    ``arguments`` has the kernel's value for every buffer and scalar of the host. ``outside`` are
    the matrices beside the factors: where block operations cannot reach one of them, everything
    but the product is laid out row by row (upstream mixes up indices that have two layouts).
    """

    def __init__(
        self,
        product: Product,
        tiles: Tiles,
        arguments: Mapping[Any, Any],
        outside: Sequence[Matrix] = (),
    ) -> None:
        self.product, self.tiles, self._arguments = product, tiles, arguments
        self.row = times(block("x"), tiles.wg_m)
        self.column = times(block("y"), tiles.wg_n)
        self._batch = digits(block("z"), product.batch_sizes)
        self.sums = Layout(tiles.grid, (tiles.sg_m, tiles.sg_n), (DPAS_M, DPAS_N))
        scattered = [m for m in outside if m.row_step and m.column_step and not self._blocked(m)]
        self.layout = self.sums.by(1, DPAS_N) if scattered else self.sums

    def value(self, scalar: Any) -> Any:
        """What stands in the kernel for a ``scalar`` of the host: its argument, or the constant."""
        if scalar in self._arguments:
            return self._arguments[scalar]
        return dialect("arith").ConstantOp(scalar.type, scalar.owner.attributes["value"]).result

    def pointer(self, matrix: Matrix) -> Any:
        """The address (i64) of the first element of ``matrix`` in this batch."""
        arith = dialect("arith")
        pointer = ops.address(self._arguments[matrix.buffer])
        elements = constant(matrix.start)
        for index, step in zip(self._batch, matrix.batch_steps, strict=True):
            elements = arith.addi(elements, times(index, step))
        bytes_ = times(elements, BYTES[matrix.dtype])
        return arith.addi(pointer, arith.index_cast(pointer.type, bytes_))

    def load(self, matrix: Matrix) -> Any:
        """The elements of ``matrix`` under this tile, a vector of ``wg_m`` x ``wg_n``."""
        element = mlir.Type.parse(matrix.dtype)
        tile = self.vector(element)
        if matrix.row_step == 0 or matrix.column_step == 0:
            return self._broadcast(matrix, element, tile)
        if self._blocked(matrix):
            descriptor = self._descriptor(matrix, element)
            loaded = ops.load_nd(descriptor, (self.row, self.column), tile, self.sums)
            return ops.convert_layout(loaded, self.sums, self.layout)
        offsets, mask = self._elements(matrix)
        return ops.load(self.pointer(matrix), offsets, mask, tile, self.layout)

    def store(self, value: Any, matrix: Matrix) -> None:
        """Write ``value``, a vector of ``wg_m`` x ``wg_n``, to ``matrix``."""
        if self._blocked(matrix):
            descriptor = self._descriptor(matrix, mlir.Type.parse(matrix.dtype))
            value = ops.convert_layout(value, self.layout, self.sums)
            ops.store_nd(value, descriptor, (self.row, self.column), self.sums)
            return
        offsets, mask = self._elements(matrix)
        ops.store(value, self.pointer(matrix), offsets, mask, self.layout)

    def vector(self, element: Any) -> Any:
        """The type of this tile's vectors."""
        return mlir.VectorType.get([self.tiles.wg_m, self.tiles.wg_n], element)

    def _blocked(self, matrix: Matrix) -> bool:
        # A turned matrix would need a transposing store, which the hardware does not have.
        return matrix.column_step == 1 and objection(matrix, self.product.batch_sizes) is None

    def _descriptor(self, matrix: Matrix, element: Any) -> Any:
        tile = (self.tiles.wg_m, self.tiles.wg_n)
        return ops.create_nd_tdesc(self.pointer(matrix), matrix.surface, tile, element, self.sums)

    def _broadcast(self, matrix: Matrix, element: Any, tile: Any) -> Any:
        """What is the same for all rows or all columns: loaded once, as a vector."""
        vector = dialect("vector")
        if matrix.row_step == 0:
            offsets, mask = self._line(1, matrix.column_step)
            kind = mlir.VectorType.get([self.tiles.wg_n], element)
            line = ops.load(self.pointer(matrix), offsets, mask, kind, self.layout.slice(0))
            return vector.broadcast(tile, line)
        offsets, mask = self._line(0, matrix.row_step)
        kind = mlir.VectorType.get([self.tiles.wg_m], element)
        line = ops.load(self.pointer(matrix), offsets, mask, kind, self.layout.slice(1))
        return vector.broadcast(tile, self._upright(line))

    def _line(self, dimension: int, step: int) -> tuple[Any, Any]:
        """Offsets of this tile's rows (dimension 0) or columns, and which of them exist."""
        arith, vector = dialect("arith"), dialect("vector")
        size = (self.tiles.wg_m, self.tiles.wg_n)[dimension]
        first = (self.row, self.column)[dimension]
        limit = (self.product.m, self.product.n)[dimension]
        kind = mlir.VectorType.get([size], mlir.IndexType.get())
        numbers = arith.addi(counted(size, dimension), vector.broadcast(kind, first))
        mask = arith.cmpi(arith.CmpIPredicate.ult, numbers, splat(kind, limit))
        return arith.muli(numbers, splat(kind, step)), mask

    def _elements(self, matrix: Matrix) -> tuple[Any, Any]:
        """Offsets of every element of this tile, and which of them exist."""
        arith, vector = dialect("arith"), dialect("vector")
        rows, in_rows = self._line(0, matrix.row_step)
        columns, in_columns = self._line(1, matrix.column_step)
        offsets = self.vector(mlir.IndexType.get())
        masks = self.vector(mlir.IntegerType.get_signless(1))
        return (
            arith.addi(
                vector.broadcast(offsets, self._upright(rows)), vector.broadcast(offsets, columns)
            ),
            arith.andi(
                vector.broadcast(masks, self._upright(in_rows)),
                vector.broadcast(masks, in_columns),
            ),
        )

    def _upright(self, line: Any) -> Any:
        """A vector of ``wg_m`` as one column."""
        kind = mlir.VectorType.get([self.tiles.wg_m, 1], mlir.VectorType(line.type).element_type)
        return dialect("vector").shape_cast(kind, line)
