"""Index arithmetic that kernels at workgroup level share."""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import dialect, mlir


def constant(value: int) -> Any:
    """``value`` as an index."""
    return dialect("arith").constant(mlir.IndexType.get(), value)


def times(value: Any, factor: int) -> Any:
    """An index times a number."""
    return dialect("arith").muli(value, constant(factor))


def splat(kind: Any, value: float) -> Any:
    """A constant vector of the type ``kind`` whose elements all are ``value``."""
    element = kind.element_type
    whole = isinstance(element, (mlir.IndexType, mlir.IntegerType))
    make = mlir.IntegerAttr if whole else mlir.FloatAttr
    attribute = mlir.DenseElementsAttr.get_splat(kind, make.get(element, value))
    return dialect("arith").ConstantOp(kind, attribute).result


def block(axis: str) -> Any:
    """This workgroup's number along the ``axis`` "x", "y" or "z" of the grid."""
    gpu = dialect("gpu")
    return gpu.block_id(getattr(gpu.Dimension, axis))


def digits(number: Any, sizes: tuple[int, ...]) -> list[Any]:
    """The index along each of ``sizes`` that ``number`` stands for, the last one fastest."""
    arith = dialect("arith")
    if not sizes:
        return []
    rest, found = number, []
    for size in reversed(sizes[1:]):
        found.append(arith.remui(rest, constant(size)))
        rest = arith.divui(rest, constant(size))
    return [rest, *reversed(found)]


def counted(size: int, dimension: int) -> Any:
    """0, 1, ... ``size - 1`` as a vector of indices along ``dimension`` of a tile.

    Rows and columns of a square tile are laid out otherwise: CSE must not join them.
    """
    step = dialect("vector").StepOp(mlir.VectorType.get([size], mlir.IndexType.get()))
    number = mlir.IntegerAttr.get(mlir.IndexType.get(), dimension)
    step.attributes["pharos.dimension"] = number
    return step.result
