"""The types of host memory, and the operations that only look at memory in another way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pharos.core.artifact import DTYPE_BYTES
from pharos.core.errors import UserError
from pharos.ir import CompileError, span_of
from pharos.ir.bindings import mlir
from pharos.targets.common.gpu.scalars import Known
from pharos.targets.common.gpu.views import View


def dtype(kind: Any) -> str:
    """The element type of a memref type. UserError for one that no device stores."""
    name = str(kind.element_type)
    if name not in DTYPE_BYTES:
        raise UserError(
            f"GPU targets store elements of {', '.join(DTYPE_BYTES)}; found {name} in {kind}"
        )
    return name


def bytes_of(kind: Any) -> int:
    """Bytes that the elements of a memref type take without gaps."""
    return math.prod(kind.shape) * DTYPE_BYTES[dtype(kind)]


def viewed(operation: Any, values: Sequence[Any]) -> list[Any]:
    """The results of one of the operations in ``VIEWS``."""
    if not all(isinstance(value, (View, Known)) for value in values):
        raise _not_constant(operation)
    made = VIEWS[operation.name](operation, values)
    return made if isinstance(made, list) else [made]


def _not_constant(operation: Any) -> CompileError:
    error = CompileError(
        f"'{operation.name}' has a size, stride or offset that is not constant",
        span=span_of(operation.location),
    )
    error.operation = operation.name
    return error


def _laid_out(operation: Any) -> tuple[list[int], list[int]]:
    """The sizes and strides in the type of the operation's result."""
    kind = operation.results[0].type
    strides, _ = kind.get_strides_and_offset()
    if mlir.ShapedType.get_dynamic_stride_or_offset() in strides:
        raise _not_constant(operation)
    return list(kind.shape), list(strides)


def _same(operation: Any, values: Sequence[Any]) -> View:
    view: View = values[0]
    return view


def _reshaped(operation: Any, values: Sequence[Any]) -> View:
    view: View = values[0]
    return view.retyped(*_laid_out(operation))


def _subview(operation: Any, values: Sequence[Any]) -> View:
    view: View = values[0]
    offsets, sizes, steps = _mixed(operation, values)
    # The type has the sizes and strides of the dimensions that are kept.
    return view.subview(offsets, sizes, steps).retyped(*_laid_out(operation))


def _reinterpreted(operation: Any, values: Sequence[Any]) -> View:
    view: View = values[0]
    offsets, sizes, strides = _mixed(operation, values)
    return view.retyped(sizes, strides, offsets[0])


def _mixed(operation: Any, values: Sequence[Any]) -> list[list[int]]:
    """The offsets, sizes and strides of an operation, static and dynamic ones merged."""
    dynamic = mlir.ShapedType.get_dynamic_size()
    moving = iter(values[1:])
    merged = []
    for name in ("static_offsets", "static_sizes", "static_strides"):
        static = list(operation.attributes[name])
        merged.append([int(next(moving).value) if s == dynamic else s for s in static])
    return merged


def _transposed(operation: Any, values: Sequence[Any]) -> View:
    view: View = values[0]
    order = [int(str(e)[1:]) for e in operation.attributes["permutation"].value.results]
    return view.retyped([view.shape[n] for n in order], [view.strides[n] for n in order])


def _metadata(operation: Any, values: Sequence[Any]) -> list[Any]:
    view: View = values[0]
    numbers = [view.offset, *view.shape, *view.strides]
    return [view.retyped((), (), 0), *(Known("index", n) for n in numbers)]


def _dim(operation: Any, values: Sequence[Any]) -> Known:
    view, axis = values
    return Known("index", view.shape[int(axis.value)])


VIEWS: Mapping[str, Callable[[Any, Sequence[Any]], Any]] = {
    "memref.cast": _same,
    "memref.assume_alignment": _same,
    "memref.collapse_shape": _reshaped,
    "memref.expand_shape": _reshaped,
    "memref.subview": _subview,
    "memref.reinterpret_cast": _reinterpreted,
    "memref.transpose": _transposed,
    "memref.extract_strided_metadata": _metadata,
    "memref.dim": _dim,
}
