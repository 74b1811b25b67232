"""Slices of tensors of known sizes: taken out, put in, and what they are put into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir

Spots = Mapping[int, tuple[int, int, int]]
"""First element, count and step, by dimension; all of the dimensions that are not there."""


def empty(type_: Any) -> Any:
    return dialect("tensor").EmptyOp(list(type_.shape), type_.element_type).result


def zeros(sizes: Sequence[int], element: Any) -> Any:
    """A tensor of zeros."""
    whole = isinstance(element, mlir.IntegerType)
    zero = mlir.IntegerAttr.get(element, 0) if whole else mlir.FloatAttr.get(element, 0.0)
    type_ = mlir.RankedTensorType.get(list(sizes), element)
    number = dialect("arith").ConstantOp(element, zero).result
    maps = [mlir.AffineMap.get(len(sizes), 0, []), mlir.AffineMap.get_identity(len(sizes))]
    attributes = {
        "indexing_maps": mlir.ArrayAttr.get([mlir.AffineMapAttr.get(m) for m in maps]),
        "iterator_types": mlir.ArrayAttr.get(
            [mlir.Attribute.parse("#linalg.iterator_type<parallel>")] * len(sizes)
        ),
        "operandSegmentSizes": mlir.DenseI32ArrayAttr.get([1, 1]),
    }
    fill = mlir.Operation.create(
        "linalg.generic", [type_], [number, empty(type_)], attributes=attributes, regions=1
    )
    places = [mlir.Location.unknown()] * 2
    block = mlir.Block.create_at_start(fill.regions[0], [element, element], places)
    with mlir.InsertionPoint(block):
        mlir.Operation.create("linalg.yield", operands=[block.arguments[0]])
    return fill.results[0]


def extract(whole: Any, spots: Spots) -> Any:
    """The slice with (first, count, step) for some dimensions, and all of the others."""
    offsets, sizes, strides = slice_of(whole.type.shape, spots)
    if sizes == list(whole.type.shape):
        return whole
    type_ = mlir.RankedTensorType.get(sizes, whole.type.element_type)
    tensor = dialect("tensor")
    return tensor.ExtractSliceOp(type_, whole, [], [], [], offsets, sizes, strides).result


def insert(part: Any, whole: Any, spots: Spots) -> Any:
    """``whole`` with ``part`` in the place of the slice."""
    offsets, sizes, strides = slice_of(whole.type.shape, spots)
    tensor = dialect("tensor")
    return tensor.InsertSliceOp(part, whole, [], [], [], offsets, sizes, strides).result


def slice_of(shape: Sequence[int], spots: Spots) -> tuple[list[int], list[int], list[int]]:
    """Offsets, sizes and strides of a slice of a tensor of ``shape``."""
    all_ = [spots.get(number, (0, size, 1)) for number, size in enumerate(shape)]
    return [a for a, _, _ in all_], [n for _, n, _ in all_], [s for _, _, s in all_]
