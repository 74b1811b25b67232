"""Copies of whole rows share one function for each element type: sizes and places are arguments.

    y[o + i * s + j] = x[p + i * t + j]        i below n, j below m

A network that joins the results of all layers before has a thousand copies of other sizes. Each
would be a kernel of its own to write and to merge, see ``merged_functions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.nest import Access, Nest
from pharos.targets.cpu.kernels import flat_type, row_type


@dataclass(frozen=True)
class Rows:
    """``count`` rows of ``length`` elements; ``places`` are (offset, step to the next row) of what
    is read, then of what is written."""

    count: int
    length: int
    places: tuple[tuple[int, int], tuple[int, int]]

    @property
    def numbers(self) -> list[int]:
        """The arguments of the function, after those for the arrays."""
        return [self.count, self.length, *self.places[0], *self.places[1]]


def read_copy(nest: Nest) -> Rows | None:
    """``nest`` as a copy of rows without gaps between arrays of known layout; None where it is
    something else."""
    body = [op.operation for op in nest.body.operations]
    if len(body) != 1 or len(nest.inputs) != 1 or len(nest.outputs) != 1 or nest.reductions:
        return None
    if body[0].operands[0] != nest.body.arguments[0] or len(nest.parallel) not in (1, 2):
        return None
    inner = len(nest.parallel) - 1
    sizes = [nest.size(dim) for dim in range(inner + 1)]
    if not all(map(_plain, nest.accesses)) or not all(a.contiguous(inner) for a in nest.accesses):
        return None
    places = []
    for access in nest.accesses:
        step = access.stride(0) if inner else 0
        if step is None:
            return None
        places.append((access.type.get_strides_and_offset()[1], step))
    return Rows(sizes[0] or 0 if inner else 1, sizes[inner] or 0, (places[0], places[1]))


def _plain(access: Access) -> bool:
    """Whether the array has a known layout and a type that vectors hold, reached by loops alone."""
    element = access.element
    return (
        flat_type(access.type) != access.type
        and getattr(element, "width", 0) in (8, 16, 32, 64)
        and all(
            isinstance(e, mlir.AffineDimExpr)
            or (isinstance(e, mlir.AffineConstantExpr) and e.value == 0)
            for e in access.indices
        )
    )


def types_of(element: Any) -> list[Any]:
    """The types of the function's arguments: two arrays, six numbers."""
    return [row_type(element)] * 2 + [mlir.IndexType.get()] * 6


def write_copy(element: Any, bits: int, values: Sequence[Any]) -> None:
    """The body of the function, for vectors of ``bits`` bits; ``values`` are its arguments."""
    x, y, count, length, x_first, x_step, y_first, y_step = values
    width = bits // element.width
    kind = mlir.VectorType.get([width], element)
    mask_kind = mlir.VectorType.get([width], mlir.IntegerType.get_signless(1))
    vector, zero = dialect("vector"), index.constant(0)
    middle = index.round_down(length, width)

    def row(i: Any, _: list[Any]) -> list[Any]:
        source = index.add(x_first, index.mul(i, x_step))
        target = index.add(y_first, index.mul(i, y_step))

        def whole(j: Any, _: list[Any]) -> list[Any]:
            value = vector.load(kind, x, [index.add(source, j)])
            vector.store(value, y, [index.add(target, j)])
            return []

        def part(j: Any, _: list[Any]) -> list[Any]:
            mask = vector.create_mask(mask_kind, [index.sub(length, j)])
            nothing = mlir.DenseElementsAttr.get_splat(kind, _zero(element))
            rest = dialect("arith").ConstantOp(kind, nothing).result
            value = vector.maskedload(kind, x, [index.add(source, j)], mask, rest)
            vector.maskedstore(y, [index.add(target, j)], mask, value)
            return []

        index.loop(zero, middle, width, [], whole)
        index.loop(middle, length, width, [], part)
        return []

    index.loop(zero, count, 1, [], row)


def _zero(element: Any) -> Any:
    if isinstance(element, mlir.IntegerType):
        return mlir.IntegerAttr.get(element, 0)
    return mlir.FloatAttr.get(element, 0.0)
