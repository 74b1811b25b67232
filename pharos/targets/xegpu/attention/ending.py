"""How an attention ends: its rows divided and written, or left for the kernel that joins splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.xegpu import ops
from pharos.targets.xegpu.attention.kernel import Running
from pharos.targets.xegpu.attention.place import Place, across
from pharos.targets.xegpu.attention.softmax import inverse
from pharos.targets.xegpu.attention.streams import Part, parts
from pharos.targets.xegpu.contractions.block_rules import objection
from pharos.targets.xegpu.contractions.matrices import Matrix
from pharos.targets.xegpu.indices import constant, counted, splat
from pharos.targets.xegpu.layouts import Layout

STATISTICS = 16  # columns of a row's maximum or sum in memory: one block store


@dataclass(frozen=True)
class Partial:
    """Where splits leave what they found, all f32, each with the splits as first batch: ``sums``
    of ``m`` x ``dv``, ``most`` and ``total`` of ``m`` x ``STATISTICS`` equal columns."""

    sums: Matrix
    most: Matrix
    total: Matrix

    @property
    def matrices(self) -> tuple[Matrix, Matrix, Matrix]:
        """All three."""
        return self.sums, self.most, self.total


def store(place: Place, running: Running) -> None:
    """Write the rows of the result."""
    problem = place.problem
    factor = inverse(running.total, problem.site.empty_rows)
    element = mlir.Type.parse(problem.out.dtype)
    for part, sums in _parts(place, running):
        kind = place.vector(part.width, element)
        rows = dialect("arith").mulf(sums, across(factor, part.width))
        _write(place, problem.out, part, _rounded(rows, kind))


def store_partial(place: Place, running: Running, partial: Partial) -> None:
    """Write what this workgroup's split found."""
    for part, sums in _parts(place, running):
        _write(place, partial.sums, part, sums)
    for matrix, line in ((partial.most, running.most), (partial.total, running.total)):
        _write(place, matrix, Part(0, STATISTICS), across(line, STATISTICS))


def _parts(place: Place, running: Running) -> list[tuple[Part, Any]]:
    found = parts(place.problem.dv, place.tiles.columns)
    return list(zip(found, running.sums, strict=True))


def _rounded(value: Any, kind: Any) -> Any:
    return value if value.type == kind else dialect("arith").truncf(kind, value)


def _write(place: Place, matrix: Matrix, part: Part, value: Any) -> None:
    """Write ``value`` to the columns ``part`` of this workgroup's rows of ``matrix``."""
    layout = place.tile(part.width)
    sizes = place.batch_sizes_of(matrix)
    if matrix.column_step == 1 and objection(matrix, sizes) is None:
        shape, element = (place.tiles.rows, part.width), mlir.Type.parse(matrix.dtype)
        pointer = place.pointer(matrix)
        descriptor = ops.create_nd_tdesc(pointer, matrix.surface, shape, element, layout)
        ops.store_nd(value, descriptor, (place.row, constant(part.first)), layout)
        return
    _scatter(place, matrix, part, value, layout)


def _scatter(place: Place, matrix: Matrix, part: Part, value: Any, layout: Layout) -> None:
    """Element by element, where block stores cannot reach."""
    arith, vector = dialect("arith"), dialect("vector")
    below = arith.CmpIPredicate.ult
    rows, columns = counted(place.tiles.rows, 0), counted(part.width, 1)
    rows = arith.addi(rows, vector.broadcast(rows.type, place.row))
    columns = arith.addi(columns, splat(columns.type, part.first))
    rows_in = arith.cmpi(below, rows, splat(rows.type, matrix.rows))
    columns_in = arith.cmpi(below, columns, splat(columns.type, matrix.columns))
    down = arith.muli(rows, splat(rows.type, matrix.row_step))
    right = arith.muli(columns, splat(columns.type, matrix.column_step))
    mask = arith.andi(across(rows_in, part.width), _down(place, columns_in))
    offsets = arith.addi(across(down, part.width), _down(place, right))
    lines = layout.by(1, layout.instruction[1])
    value = ops.convert_layout(value, layout, lines)
    ops.store(value, place.pointer(matrix), offsets, mask, lines)


def _down(place: Place, line: Any) -> Any:
    kind = mlir.VectorType(line.type)
    tile = mlir.VectorType.get([place.tiles.rows, kind.shape[0]], kind.element_type)
    return dialect("vector").broadcast(tile, line)
