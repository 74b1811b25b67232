"""Operands of the fused operation: a dimension for each digit of their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.payload.attention import Source
from pharos.payload.maps import Size


def operand(
    source: Source, needed: Sequence[str], sizes: Mapping[str, Size]
) -> tuple[Any, tuple[str, ...]]:
    """``source`` as a tensor, and the symbol of each of its dimensions.

    All of ``needed`` are among them: those that the source lacks have size 1. Written at the
    insertion point where it takes a reshape.
    """
    labels = [[symbol for symbol, _ in digits] for digits in source.place]
    missing = [s for s in needed if not any(s in label for label in labels)]
    for label in labels:
        if not label and missing:
            label.append(missing.pop(0))
    value = _expanded(source.value, labels, sizes)
    symbols: list[str | None] = [s for label in labels for s in (label or (None,))]
    value, kept = _without_units(value, symbols)
    if missing:
        value, kept = _with_units(value, kept, missing)
    return value, tuple(kept)


def _expanded(value: Any, labels: Sequence[Sequence[str]], sizes: Mapping[str, Size]) -> Any:
    """``value`` with a dimension for each symbol of ``labels``."""
    if all(len(label) <= 1 for label in labels):
        return value
    groups: list[list[int]] = []
    shape: list[Size] = []
    for label in labels:
        own = [sizes[symbol] for symbol in label] or [1]
        groups.append(list(range(len(shape), len(shape) + len(own))))
        shape += own
    return reshape(value, shape, groups, expand=True)


def _without_units(value: Any, symbols: Sequence[str | None]) -> tuple[Any, list[str]]:
    """``value`` without the dimensions that have no symbol, all of size 1."""
    kept = [s for s in symbols if s is not None]
    if len(kept) == len(symbols):
        return value, kept
    groups: list[list[int]] = [[] for _ in kept]
    at = 0
    for dim, symbol in enumerate(symbols):
        if groups:
            groups[min(at, len(groups) - 1)].append(dim)
        at += symbol is not None
    type_ = mlir.RankedTensorType(value.type)
    shape = [type_.shape[d] for d, s in enumerate(symbols) if s is not None]
    return reshape(value, shape, groups, expand=False), kept


def _with_units(
    value: Any, symbols: Sequence[str], missing: Sequence[str]
) -> tuple[Any, list[str]]:
    """``value`` with dimensions of size 1 in front, called ``missing``."""
    type_ = mlir.RankedTensorType(value.type)
    shape = [*[1] * len(missing), *type_.shape]
    rest = [[len(missing) + d] for d in range(1, type_.rank)]
    groups = [list(range(len(missing) + 1)), *rest] if type_.rank else []
    return reshape(value, shape, groups, expand=True), [*missing, *symbols]


def reshape(value: Any, shape: Sequence[Any], groups: list[list[int]], *, expand: bool) -> Any:
    """``value`` with another shape of known sizes."""
    type_ = mlir.RankedTensorType(value.type)
    result = mlir.RankedTensorType.get(list(shape), type_.element_type)
    tensor = dialect("tensor")
    if expand:
        return tensor.ExpandShapeOp(result, value, groups, [], list(shape)).result
    return tensor.CollapseShapeOp(result, value, groups).result
