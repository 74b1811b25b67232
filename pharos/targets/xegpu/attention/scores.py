"""The scores of a tile: the score function on vectors, and the masks and biases that it reads."""

from __future__ import annotations

import math
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.xegpu import ops
from pharos.targets.xegpu.attention.place import Place, across
from pharos.targets.xegpu.contractions.block_rules import objection
from pharos.targets.xegpu.contractions.matrices import Matrix
from pharos.targets.xegpu.indices import counted, splat

_BLOCKED = ("f16", "bf16", "f32")


class Scores:
    """Makes scores of products, tile by tile. What is the same for all tiles is loaded where this
    is made."""

    def __init__(self, place: Place) -> None:
        self._place, self._problem = place, place.problem
        self._site = self._problem.site
        self._rows = self._row_numbers()
        self._fixed = {
            number: self._of_rows(self._problem.extras[number])
            for number in self._site.score.used
            if self._problem.extras[number].column_step == 0
        }

    def of(self, products: Any, key: Any, edge: bool) -> Any:
        """The scores of ``products``, a tile of f32 in lines whose first column is ``key``.

        On the ``edge``, keys that do not exist have minus infinity; elsewhere all exist and all
        rows see them.
        """
        site, score = self._site, self._site.score
        columns = self._column_numbers(key)

        def number_of(loop: int) -> Any:
            if loop == site.n:
                return self._down(columns)
            if loop == self._problem.rows:
                return across(self._rows, self._place.tiles.keys)
            return self._place.digit(loop)

        band = None if edge else (site.causal, site.window)
        found = score.emit(
            products, number_of, lambda number: self._extra(number, key, columns),
            outside=self._place.value, band=band,
        )  # fmt: skip
        found = self._tile(found)
        return self._existing(found, columns) if edge else found

    def _existing(self, scores: Any, columns: Any) -> Any:
        """``scores``, minus infinity where there is no key."""
        if self._problem.n % self._place.tiles.keys == 0:
            return scores
        arith = dialect("arith")
        limit = splat(columns.type, self._problem.n)
        exists = self._down(arith.cmpi(arith.CmpIPredicate.ult, columns, limit))
        return arith.select(exists, scores, splat(scores.type, -math.inf))

    def _extra(self, number: int, key: Any, columns: Any) -> Any:
        """The elements of an extra under the tile, or one that stands for all."""
        matrix = self._problem.extras[number]
        if number in self._fixed:
            line = self._fixed[number]
            return line if not _is_line(line) else across(line, self._place.tiles.keys)
        if matrix.row_step == 0:
            return self._down(self._line(matrix, columns, self._problem.n, 0, matrix.column_step))
        if self._blocked(matrix):
            return self._block(matrix, key)
        return self._gathered(matrix, columns)

    def _of_rows(self, matrix: Matrix) -> Any:
        """What an extra has for each row, or for all."""
        if matrix.row_step == 0:
            operand = next(e for e in self._site.extras if e.buffer == matrix.buffer)
            return self._place.element(matrix.buffer, operand.loops)
        return self._line(matrix, self._rows, self._problem.m, 1, matrix.row_step)

    def _line(self, matrix: Matrix, numbers: Any, limit: int, along: int, step: int) -> Any:
        """The elements at ``numbers``, ``step`` apart, of which there are ``limit``; the same
        ``along`` a dimension of the tile."""
        arith = dialect("arith")
        mask = arith.cmpi(arith.CmpIPredicate.ult, numbers, splat(numbers.type, limit))
        kind = mlir.VectorType.get(numbers.type.shape, mlir.Type.parse(matrix.dtype))
        offsets = arith.muli(numbers, splat(numbers.type, step))
        layout = self._place.lines.slice(along)
        return ops.load(self._place.pointer(matrix), offsets, mask, kind, layout)

    def _blocked(self, matrix: Matrix) -> bool:
        plain = matrix.dtype in _BLOCKED and matrix.column_step == 1
        return plain and objection(matrix, self._problem.batch_sizes) is None

    def _block(self, matrix: Matrix, key: Any) -> Any:
        """A tile by a block load, which finds zero outside."""
        place, element = self._place, mlir.Type.parse(matrix.dtype)
        shape = (place.tiles.rows, place.tiles.keys)
        pointer, layout = place.pointer(matrix), place.weights
        descriptor = ops.create_nd_tdesc(pointer, matrix.surface, shape, element, layout)
        kind = place.vector(place.tiles.keys, element)
        return ops.load_nd(descriptor, (place.row, key), kind, layout)

    def _gathered(self, matrix: Matrix, columns: Any) -> Any:
        """A tile element by element."""
        arith, place = dialect("arith"), self._place
        below = arith.CmpIPredicate.ult
        rows_in = arith.cmpi(below, self._rows, splat(self._rows.type, self._problem.m))
        columns_in = arith.cmpi(below, columns, splat(columns.type, self._problem.n))
        mask = arith.andi(across(rows_in, place.tiles.keys), self._down(columns_in))
        down = arith.muli(self._rows, splat(self._rows.type, matrix.row_step))
        right = arith.muli(columns, splat(columns.type, matrix.column_step))
        offsets = arith.addi(across(down, place.tiles.keys), self._down(right))
        kind = place.vector(place.tiles.keys, mlir.Type.parse(matrix.dtype))
        found = ops.load(place.pointer(matrix), offsets, mask, kind, place.lines)
        return ops.convert_layout(found, place.lines, place.weights)

    def _row_numbers(self) -> Any:
        """The numbers of this workgroup's rows."""
        return self._numbers(self._place.row, self._place.tiles.rows, 0)

    def _column_numbers(self, key: Any) -> Any:
        """The numbers of the keys from ``key`` on."""
        return self._numbers(key, self._place.tiles.keys, 1)

    def _numbers(self, first: Any, size: int, dimension: int) -> Any:
        numbers = counted(size, dimension)
        return dialect("arith").addi(numbers, dialect("vector").broadcast(numbers.type, first))

    def _down(self, line: Any) -> Any:
        """A number for each key as a tile: the same in all rows."""
        kind = self._place.vector(self._place.tiles.keys, mlir.VectorType(line.type).element_type)
        return dialect("vector").broadcast(kind, line)

    def _tile(self, value: Any) -> Any:
        """``value`` as a tile, where the score depends on nothing that is one."""
        kind = self._place.vector(self._place.tiles.keys, mlir.F32Type.get())
        return value if value.type == kind else dialect("vector").broadcast(kind, value)


def _is_line(value: Any) -> bool:
    return isinstance(value.type, mlir.VectorType)
