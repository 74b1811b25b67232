"""Numbers as MLIR attributes and constants of a type (sections 5.4 and 6.1)."""

from __future__ import annotations

import math
from typing import Any

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.ir.bindings import mlir
from pharos.lisp.values import Number


def number_attribute(number: int | float | bool, type_: Any, span: Span | None) -> Any:
    """The attribute that holds ``number`` as ``type_``.

    Integers and index cut a fraction off; vectors and tensors of a static shape are filled with
    the number. Raises UserError when the type holds no numbers or the number does not fit.
    """
    if isinstance(type_, mlir.IntegerType | mlir.IndexType):
        return _integer(number, type_, span)
    if is_float(type_):
        return _float(number, type_, span)
    if isinstance(type_, mlir.VectorType | mlir.RankedTensorType):
        if not type_.has_static_shape:
            raise UserError(f"a constant needs a static shape, got {type_}", span=span)
        element = number_attribute(number, type_.element_type, span)
        return mlir.DenseElementsAttr.get_splat(type_, element)
    raise UserError(
        f"a number cannot have the type {type_}",
        span=span,
        hint="numbers have integer, index or float types, or vectors and tensors of them",
    )


def holds_numbers(type_: Any) -> bool:
    """Whether ``number_attribute`` makes numbers of ``type_``."""
    if isinstance(type_, mlir.VectorType | mlir.RankedTensorType):
        return type_.has_static_shape and holds_numbers(type_.element_type)
    return isinstance(type_, mlir.IntegerType | mlir.IndexType) or is_float(type_)


def is_float(type_: Any) -> bool:
    """Whether ``type_`` is a scalar float type."""
    return isinstance(type_, mlir.FloatType)


def is_whole(number: Number) -> bool:
    """Whether ``number`` has no fraction."""
    return isinstance(number.value, int) or number.value.is_integer()


def _integer(number: int | float | bool, type_: Any, span: Span | None) -> Any:
    if isinstance(number, float) and not math.isfinite(number):
        raise UserError(f"{number} does not fit {type_}", span=span)
    whole = int(number)
    width = 64 if isinstance(type_, mlir.IndexType) else type_.width
    # Both readings of the bits are in use: 4294967295 and -1 are the same i32.
    if not -(1 << max(width - 1, 0)) <= whole < 1 << width:
        raise UserError(f"{whole} does not fit {type_}", span=span, hint=_range(width, type_))
    if width > 64:
        return mlir.Attribute.parse(f"{whole} : {type_}")
    if whole >= 1 << max(width - 1, 0):
        whole -= 1 << width
    return mlir.IntegerAttr.get(type_, whole)


def _range(width: int, type_: Any) -> str:
    if width == 1:
        return "an i1 is 0 or 1, false or true"
    return f"{type_} holds {-(1 << (width - 1))} to {(1 << width) - 1}"


def _float(number: int | float | bool, type_: Any, span: Span | None) -> Any:
    try:
        value = float(number)
    except OverflowError:
        raise UserError(f"{number} does not fit {type_}", span=span) from None
    attribute = mlir.FloatAttr.get(type_, value)
    if math.isfinite(value) and not math.isfinite(attribute.value):
        raise UserError(f"{value} does not fit {type_}", span=span)
    return attribute
