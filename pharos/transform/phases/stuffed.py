"""Convolutions whose image has zeros between its elements, recognised in linalg on tensors.

    linalg.generic {(n, f, y, x, c, k, l) -> (n, c, y + k, x + l), ...} ins(%s, %w) outs(%i)

with ``%s`` as ``placed`` reads it. What does not have this form to the letter is not recognised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.transform.phases.placed import Placed, name_of, placed_in_zeros
from pharos.transform.phases.row import Row

_SUMS = {"arith.addf": "arith.mulf", "arith.addi": "arith.muli"}
_WIDENINGS = ("arith.extf", "arith.extsi", "arith.extui")


@dataclass(frozen=True)
class Window:
    """A dimension of the image along which a window moves.

    ``image`` is its number there, ``result`` and ``filter`` are the numbers of the dimensions of
    the result and of the filters that belong to it (None: the window is one element).
    """

    image: int
    result: int
    filter: int | None
    row: Row


@dataclass(frozen=True)
class Stuffed:
    """The convolution ``operation`` over ``source`` with zeros put in.

    ``groups`` are the dimensions of the image that each dimension of ``source`` became (None:
    one each), ``windows`` the dimensions with a window or zeros, ``image`` and ``filters`` the
    numbers of the operands.
    """

    operation: Any
    source: Any
    groups: list[list[int]] | None
    image: int
    filters: int
    windows: tuple[Window, ...]


def read_stuffed(operation: Any) -> Stuffed | None:
    """What the ``linalg.generic`` is as a convolution over zeros put in; None when it is none."""
    factors = _factors(operation)
    if factors is None:
        return None
    for image, filters in (factors, factors[::-1]):
        placed = placed_in_zeros(operation.operands[image])
        if placed is None or max(placed.strides) == 1:
            continue
        windows = _windows(operation, image, filters, placed)
        if windows is not None:
            return Stuffed(operation, placed.source, placed.groups, image, filters, windows)
    return None


def _factors(operation: Any) -> tuple[int, int] | None:
    """The two operands whose product the body adds to its output: 0 and 1, in some order."""
    body = operation.regions[0].blocks[0]
    if len(operation.operands) != 3 or len(operation.results) != 1:
        return None
    total = list(body.operations)[-1].operation.operands[0]
    name = name_of(total)
    if name not in _SUMS:
        return None
    terms = [value for value in total.owner.operands if value != body.arguments[2]]
    if len(terms) != 1 or name_of(terms[0]) != _SUMS[name]:
        return None
    arguments = list(body.arguments)
    found = tuple(_argument(value, arguments) for value in terms[0].owner.operands)
    return (found[0], found[1]) if set(found) == {0, 1} else None  # type: ignore[return-value]


def _argument(value: Any, arguments: list[Any]) -> int | None:
    """The body's argument that ``value`` is, perhaps widened."""
    while name_of(value) in _WIDENINGS:
        value = value.owner.operands[0]
    return arguments.index(value) if value in arguments else None


def _windows(operation: Any, image: int, filters: int, placed: Placed) -> tuple[Window, ...] | None:
    """The dimensions of the image that are not simply there as a whole."""
    maps = [attribute.value for attribute in operation.attributes["indexing_maps"]]
    if not operation.results[0].type.has_static_shape:
        return None
    found = []
    for number, expression in enumerate(maps[image].results):
        size = operation.operands[image].type.shape[number]
        if isinstance(expression, mlir.AffineDimExpr) and placed.plain(number, size):
            continue
        terms = _window_terms(expression)
        if terms is None:
            return None
        window = _window(operation, maps, (image, filters, number), terms, placed)
        if window is None:
            return None
        found.append(window)
    return tuple(found)


def _window(
    operation: Any,
    maps: Sequence[Any],
    place: tuple[int, int, int],
    terms: Sequence[tuple[int, int]],
    placed: Placed,
) -> Window | None:
    """The window of dimension ``place[2]`` of the image, at loop ``terms[0]`` and tap
    ``terms[1]``, each a loop and its factor."""
    image, filters, number = place
    for (out, moves), *rest in (terms, terms[::-1]):
        at = _only(maps, 2, out, (image, 2))
        if at is None or moves != 1:
            continue
        tap, dilation = rest[0] if rest else (None, 1)
        own = None if tap is None else _only(maps, filters, tap, (image, filters))
        if tap is not None and (own is None or dilation < 1):
            continue
        taps = 1 if own is None else operation.operands[filters].type.shape[own]
        count = operation.results[0].type.shape[at]
        spot = (placed.sizes[number], placed.offsets[number], placed.strides[number])
        return Window(number, at, own, Row(*spot, count, taps, dilation))
    return None


def _only(maps: Sequence[Any], operand: int, loop: int, users: Sequence[int]) -> int | None:
    """The dimension of ``operand`` that loop ``loop`` walks alone; None when there is none, or
    when another than ``users`` uses the loop."""
    places = [
        number
        for number, expression in enumerate(maps[operand].results)
        if isinstance(expression, mlir.AffineDimExpr) and expression.position == loop
    ]
    for number, map_ in enumerate(maps):
        uses = sum(loop in factors_of(expression) for expression in map_.results)
        if uses != (number in users):
            return None
    return places[0] if len(places) == 1 else None


def factors_of(expression: Any) -> dict[int, int]:
    """The factor of each loop in ``expression``; of loops that are not linear in it, 0."""
    if isinstance(expression, mlir.AffineDimExpr):
        return {expression.position: 1}
    if isinstance(expression, mlir.AffineAddExpr):
        return {**factors_of(expression.lhs), **factors_of(expression.rhs)}
    if isinstance(expression, mlir.AffineMulExpr):
        times = expression.rhs
        known = times.value if isinstance(times, mlir.AffineConstantExpr) else 0
        return {d: f * known for d, f in factors_of(expression.lhs).items()}
    if isinstance(expression, mlir.AffineBinaryExpr):
        return dict.fromkeys({**factors_of(expression.lhs), **factors_of(expression.rhs)}, 0)
    return {}


def _window_terms(expression: Any) -> list[tuple[int, int]] | None:
    """The loops and factors of ``a``, or of ``a * i + b * j``; None for anything else."""
    sides = [expression]
    if isinstance(expression, mlir.AffineAddExpr):
        sides = [expression.lhs, expression.rhs]
    terms = [factors_of(side) for side in sides]
    plain = not any(isinstance(side, mlir.AffineAddExpr) for side in sides)
    if not plain or any(len(t) != 1 or 0 in t.values() for t in terms):
        return None
    found = [next(iter(t.items())) for t in terms]
    return found if len({loop for loop, _ in found}) == len(found) else None
