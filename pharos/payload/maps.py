"""Indexing maps as plain data: each index is a sum of loops times factors, or unknown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pharos.ir.bindings import mlir

DYNAMIC = None
"""Stands for a size that is known only at run time."""

Size: TypeAlias = int | None


@dataclass(frozen=True)
class Index:
    """``sum(factor * loop) + offset``: how one dimension of an operand is reached."""

    terms: tuple[tuple[int, int], ...]
    offset: int = 0

    loop: int | None = field(init=False, compare=False, repr=False)
    """The loop that this index is, if it is one loop and nothing else."""

    def __post_init__(self) -> None:
        alone = len(self.terms) == 1 and self.terms[0][1] == 1 and self.offset == 0
        object.__setattr__(self, "loop", self.terms[0][0] if alone else None)

    @property
    def loops(self) -> tuple[int, ...]:
        """The loops that this index depends on."""
        return tuple(loop for loop, _ in self.terms)


Access: TypeAlias = tuple[Index | None, ...]
"""One index per dimension of an operand; None where it is not a sum of loops."""


def access_of(map_: Any) -> Access:
    """The affine map ``map_`` as an access."""
    return tuple(map(_index, map_.results))


def loops_of(access: Access) -> frozenset[int]:
    """All loops that ``access`` depends on, as far as known."""
    return frozenset(loop for index in access if index is not None for loop in index.loops)


def plain_loops(access: Access) -> tuple[int, ...] | None:
    """The loop of each dimension when ``access`` is a projected permutation, else None."""
    loops = [None if index is None else index.loop for index in access]
    if None in loops or len(set(loops)) != len(loops):
        return None
    return tuple(loop for loop in loops if loop is not None)


def product(sizes: Iterable[Size]) -> Size:
    """The product; unknown when a factor is."""
    total = 1
    for size in sizes:
        if size is None:
            return None
        total *= size
    return total


def shape_of(type_: Any) -> tuple[Size, ...]:
    """The sizes of a shaped type, None for dynamic ones; () for a scalar."""
    if not isinstance(type_, mlir.ShapedType):
        return ()
    shaped = mlir.ShapedType(type_)
    if not shaped.has_rank:
        return ()
    return tuple(None if size < 0 else size for size in shaped.shape)


def element_of(type_: Any) -> str:
    """The name of the element type of ``type_``: "f32", "bf16", "i64"."""
    if isinstance(type_, mlir.ShapedType):
        return str(mlir.ShapedType(type_).element_type)
    return str(type_)


def _index(expression: Any) -> Index | None:
    found = _linear(expression)
    if found is None:
        return None
    terms, offset = found
    return Index(tuple(sorted((d, f) for d, f in terms.items() if f)), offset)


def _linear(expression: Any) -> tuple[dict[int, int], int] | None:
    if isinstance(expression, mlir.AffineDimExpr):
        return {expression.position: 1}, 0
    if isinstance(expression, mlir.AffineConstantExpr):
        return {}, expression.value
    if isinstance(expression, mlir.AffineAddExpr):
        return _sum(_linear(expression.lhs), _linear(expression.rhs))
    if isinstance(expression, mlir.AffineMulExpr) and isinstance(
        expression.rhs, mlir.AffineConstantExpr
    ):
        return _scaled(_linear(expression.lhs), expression.rhs.value)
    return None


def _sum(left: Any, right: Any) -> tuple[dict[int, int], int] | None:
    if left is None or right is None:
        return None
    terms = dict(left[0])
    for loop, factor in right[0].items():
        terms[loop] = terms.get(loop, 0) + factor
    return terms, left[1] + right[1]


def _scaled(value: Any, factor: int) -> tuple[dict[int, int], int] | None:
    if value is None:
        return None
    return {loop: factor * f for loop, f in value[0].items()}, factor * value[1]
