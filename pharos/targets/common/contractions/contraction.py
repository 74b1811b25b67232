"""A linalg operation read as a contraction: which loops are rows, columns, inner and batch loops.

    C[batch, rows, columns] += left[batch, rows, inner] * right[batch, columns, inner]

Each role may hold several loops, and the index of a memref dimension may be any sum of multiples
of loops. A convolution is then a contraction whose ``right`` is the image (columns: image, output
row, output column) and whose ``left`` are the filters (rows), both over channels and window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.nests.nest import DYNAMIC, Nest

_SUMS = {"arith.addf": "arith.mulf", "arith.addi": "arith.muli"}
_ELEMENTS = ("f16", "bf16", "f32", "f64", "i32", "i64")
# Of operands that factors are computed from: bytes may be a mask or widened.
_SOURCES = (*_ELEMENTS, "i8", "i16")


@dataclass(frozen=True)
class Operand:
    """A memref and how loops reach it: dimension r is at ``sum(factors[r][d] * i[d]) + starts[r]``.

    Loops that run once are left out.
    """

    buffer: Any
    factors: tuple[dict[int, int], ...]
    starts: tuple[int, ...]

    @property
    def type(self) -> Any:
        return mlir.MemRefType(self.buffer.type)

    def uses(self, loop: int) -> bool:
        """Whether the element reached depends on ``loop``."""
        return any(loop in factor for factor in self.factors)

    def steps(self) -> dict[int, int | None]:
        """Elements of memory that one step of each loop moves by; None when not known."""
        strides, _ = self.type.get_strides_and_offset()
        found: dict[int, int | None] = {}
        for stride, factor in zip(strides, self.factors, strict=True):
            for loop, times in factor.items():
                before = found.get(loop, 0)
                known = is_known(stride) and before is not None
                found[loop] = before + stride * times if known and before is not None else None
        return found


@dataclass(frozen=True)
class Factor:
    """One side of the product: a value of the body, and the operands it is computed from."""

    value: Any
    operands: tuple[Operand, ...]
    arguments: tuple[Any, ...]

    def uses(self, loop: int) -> bool:
        return any(operand.uses(loop) for operand in self.operands)

    @property
    def element(self) -> Any:
        """The type in which the factor is multiplied."""
        return self.value.type


@dataclass(frozen=True)
class Contraction:
    """A contraction; ``sizes`` has the trip count of every loop, None where it is not known.

    The fastest loop in memory of ``result``, whose steps are the shortest, is a column loop.
    """

    nest: Nest
    left: Factor
    right: Factor
    result: Operand
    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    inner: tuple[int, ...]
    sizes: tuple[int | None, ...]

    def extent(self, loops: tuple[int, ...]) -> int | None:
        """The product of the trip counts of ``loops``; None when one is not known."""
        sizes = [self.sizes[loop] for loop in loops]
        return None if None in sizes else math.prod(s for s in sizes if s is not None)


def is_known(number: int) -> bool:
    """Whether a size or stride of a memref type is a number and not MLIR's mark for dynamic."""
    return number != DYNAMIC


def read_contraction(nest: Nest) -> Contraction | None:
    """The contraction that ``nest`` is; None when it is none.

    Refused: bodies that are not ``sum + f(some operands) * g(the others)``, indices that are not
    linear, reductions or outputs that only one factor or none depends on.
    """
    if len(nest.outputs) != 1 or not nest.reductions or not _known_element(nest):
        return None
    sizes = static_sizes(nest)
    read = [read_operand(nest, access, sizes) for access in nest.accesses]
    operands = [operand for operand in read if operand is not None]
    values = _product(nest)
    if values is None or len(operands) < len(read):
        return None
    first, second = (_factor(nest, value, operands) for value in values)
    if first is None or second is None or set(first.arguments) & set(second.arguments):
        return None
    return _with_roles(nest, first, second, operands[-1], sizes)


def static_sizes(nest: Nest) -> tuple[int | None, ...]:
    """The trip count of every loop as far as the types tell."""
    sizes: list[int | None] = []
    for loop in range(len(nest.parallel)):
        source = nest.size_source(loop)
        size = nest.accesses[source[0]].type.shape[source[1]] if source else None
        sizes.append(size if size is not None and is_known(size) and size >= 0 else None)
    return tuple(sizes)


def read_operand(nest: Nest, access: Any, sizes: tuple[int | None, ...]) -> Operand | None:
    """How ``nest`` reaches ``access``; None when an index is not linear in the loops."""
    buffer = nest.operation.operands[access.operand]
    linear = [linear_terms(expression) for expression in access.indices]
    if any(terms is None for terms in linear):
        return None
    factors, starts = [], []
    for terms in linear:
        assert terms is not None
        starts.append(terms.pop(None, 0))
        factors.append({d: t for d, t in terms.items() if d is not None and t and sizes[d] != 1})
    return Operand(buffer, tuple(factors), tuple(starts))


def linear_terms(expression: Any) -> dict[int | None, int] | None:
    """The factor of each loop in an affine expression, the constant under None."""
    if isinstance(expression, mlir.AffineDimExpr):
        return {expression.position: 1}
    if isinstance(expression, mlir.AffineConstantExpr):
        return {None: expression.value}
    if isinstance(expression, mlir.AffineAddExpr):
        left, right = linear_terms(expression.lhs), linear_terms(expression.rhs)
        if left is None or right is None:
            return None
        return {d: left.get(d, 0) + right.get(d, 0) for d in {*left, *right}}
    if isinstance(expression, mlir.AffineMulExpr):
        terms, times = linear_terms(expression.lhs), expression.rhs
        if terms is not None and isinstance(times, mlir.AffineConstantExpr):
            return {d: t * times.value for d, t in terms.items()}
    return None


def _known_element(nest: Nest) -> bool:
    results = all(str(access.element) in _ELEMENTS for access in nest.outputs)
    return results and all(str(access.element) in _SOURCES for access in nest.inputs)


def _product(nest: Nest) -> tuple[Any, Any] | None:
    """The two values whose product the body adds to its output."""
    body = nest.body
    previous = body.arguments[len(nest.inputs)]
    total = list(body.operations)[-1].operation.operands[0]
    name = _name(total)
    if name not in _SUMS or len(list(previous.uses)) != 1:
        return None
    terms = [value for value in total.owner.operands if value != previous]
    if len(terms) != 1 or _name(terms[0]) != _SUMS[name]:
        return None
    first, second = terms[0].owner.operands
    return first, second


def _name(value: Any) -> str:
    owner = value.owner
    return "" if isinstance(owner, mlir.Block) else str(owner.name)


def _factor(nest: Nest, value: Any, operands: list[Any]) -> Factor | None:
    """What ``value`` is computed from; None for a constant, or when it is no plain expression."""
    arguments = list(nest.body.arguments)
    found: set[int] = set()
    pending, seen = [value], set()
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        if current in arguments:
            found.add(arguments.index(current))
        elif _inside(nest, current):
            if current.owner.name.split(".")[0] not in ("arith", "math"):
                return None
            pending += list(current.owner.operands)
    numbers = sorted(found)
    if not numbers or numbers[-1] >= len(nest.inputs):
        return None
    return Factor(value, tuple(operands[n] for n in numbers), tuple(arguments[n] for n in numbers))


def _inside(nest: Nest, value: Any) -> bool:
    owner = value.owner
    return not isinstance(owner, mlir.Block) and owner.operation.block == nest.body


def _with_roles(
    nest: Nest, first: Factor, second: Factor, result: Operand, sizes: tuple[int | None, ...]
) -> Contraction | None:
    """Give every loop its role; the factor that moves along memory of the result is ``right``."""
    batch: list[int] = []
    inner: list[int] = []
    of_first: list[int] = []
    of_second: list[int] = []
    roles = {
        (True, True, True): batch,
        (True, False, True): of_first,
        (False, True, True): of_second,
        (True, True, False): inner,
    }
    for loop, size in enumerate(sizes):
        if size == 1:
            continue
        role = roles.get((first.uses(loop), second.uses(loop), result.uses(loop)))
        if role is None or (role is inner) == nest.parallel[loop]:
            return None
        role.append(loop)
    order = [loop for factor in result.factors for loop in factor]
    if len(set(order)) != len(order):
        return None
    of_first, of_second, batch = (sorted(r, key=order.index) for r in (of_first, of_second, batch))
    if _nearest(result) in of_first:
        first, second, of_first, of_second = second, first, of_second, of_first
    roles_found = (tuple(batch), tuple(of_first), tuple(of_second), tuple(inner))
    return Contraction(nest, first, second, result, *roles_found, sizes)


def _nearest(result: Operand) -> int | None:
    """The loop that moves least in memory of ``result``; None where steps are not known."""
    steps = [(abs(step), loop) for loop, step in result.steps().items() if step]
    return min(steps)[1] if steps else None
