"""Where a workgroup is in an attention, how its tiles are laid out, and how it reaches memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pharos.core.artifact import DTYPE_BYTES
from pharos.ir.bindings import dialect, mlir
from pharos.targets.xegpu import ops
from pharos.targets.xegpu.attention.problem import Problem
from pharos.targets.xegpu.attention.tiles import DPAS_COLUMNS, DPAS_ROWS, Tiles
from pharos.targets.xegpu.contractions.matrices import Matrix
from pharos.targets.xegpu.indices import block, constant, digits, times
from pharos.targets.xegpu.layouts import Layout


class Place:
    """The rows of one workgroup: block x counts tiles of rows, y splits of the keys, z batches.

    ``arguments`` has the kernel's value for every buffer and scalar of the host. Tiles of the
    result are laid out as ``sums``, scores as the ``weights`` that dpas takes; row by row, as
    ``lines``, between them: reductions and gathers have a row at a time.
    """

    def __init__(self, problem: Problem, tiles: Tiles, arguments: Mapping[Any, Any]) -> None:
        self.problem, self.tiles, self._arguments = problem, tiles, arguments
        self._digits = digits(block("z"), problem.batch_sizes)
        number = block("x")
        if problem.banded:
            # The last rows see the most keys: they begin first.
            count = -(-problem.m // tiles.rows)
            number = dialect("arith").subi(constant(count - 1), number)
        self.row = times(number, tiles.rows)
        self.grid = (tiles.subgroups, 1)
        self.weights = self.tile(tiles.keys)
        self.lines = self.weights.by(1, DPAS_COLUMNS)

    def tile(self, columns: int) -> Layout:
        """The layout of sums, and of left factors, with ``columns``."""
        return Layout(self.grid, (self.tiles.sub_rows, columns), (DPAS_ROWS, DPAS_COLUMNS))

    def value(self, scalar: Any) -> Any:
        """What stands in the kernel for a ``scalar`` of the host: its argument, or the constant."""
        if scalar in self._arguments:
            return self._arguments[scalar]
        return dialect("arith").ConstantOp(scalar.type, scalar.owner.attributes["value"]).result

    def digit(self, loop: int) -> Any:
        """The number of this workgroup along a batch ``loop``."""
        return self._digits[self.problem.batch.index(loop)]

    def pointer(self, matrix: Matrix) -> Any:
        """The address (i64) of the first element of ``matrix`` in this batch, and in this split if
        it has one for each."""
        arith = dialect("arith")
        pointer = ops.address(self._arguments[matrix.buffer])
        elements = constant(matrix.start)
        numbers = self._digits
        if len(matrix.batch_steps) > len(numbers):
            numbers = [block("y"), *numbers]
        for index, step in zip(numbers, matrix.batch_steps, strict=True):
            elements = arith.addi(elements, times(index, step))
        bytes_ = times(elements, DTYPE_BYTES[matrix.dtype])
        return arith.addi(pointer, arith.index_cast(pointer.type, bytes_))

    def batch_sizes_of(self, matrix: Matrix) -> tuple[int, ...]:
        """How often ``matrix`` steps along each of its batch steps."""
        sizes = self.problem.batch_sizes
        return (self.tiles.splits, *sizes) if len(matrix.batch_steps) > len(sizes) else sizes

    def element(self, buffer: Any, loops: tuple[int, ...]) -> Any:
        """The element that this workgroup's batch has of a memref with a dimension for each of
        the batch ``loops``."""
        return dialect("memref").load(self._arguments[buffer], [self.digit(one) for one in loops])

    def vector(self, columns: int, element: Any) -> Any:
        """The type of a tile with this workgroup's rows and ``columns``."""
        return mlir.VectorType.get([self.tiles.rows, columns], element)

    def line(self, element: Any) -> Any:
        """The type of a vector with a number for each row."""
        return mlir.VectorType.get([self.tiles.rows], element)


def across(line: Any, columns: int) -> Any:
    """A number for each row as a tile of ``columns``: the same in each.

    Written as a broadcast to rows, turned: what upstream's layouts spread over lanes.
    """
    vector, kind = dialect("vector"), mlir.VectorType(line.type)
    (rows,) = kind.shape
    wide = mlir.VectorType.get([columns, rows], kind.element_type)
    tile = mlir.VectorType.get([rows, columns], kind.element_type)
    return vector.transpose(tile, vector.broadcast(wide, line), [1, 0])
