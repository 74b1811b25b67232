"""Index arithmetic at the insertion point, with constants folded and shared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir


def constant(value: int) -> Any:
    """An index constant."""
    return dialect("arith").ConstantOp(mlir.IndexType.get(), value).result


def known(value: Any) -> int | None:
    """The number behind ``value`` when it is a constant."""
    owner = value.owner
    if isinstance(owner, mlir.Block) or owner.name != "arith.constant":
        return None
    return int(owner.attributes["value"].value)


def cast(value: Any, type_: Any = None) -> Any:
    """``value`` as another integer type, by default ``index``; the sign is kept."""
    type_ = type_ or mlir.IndexType.get()
    return value if value.type == type_ else dialect("arith").index_cast(type_, value)


def _folded(
    name: str, fold: Callable[[int, int], int], neutral: int | None = None
) -> Callable[[Any, Any], Any]:
    def build(a: Any, b: Any) -> Any:
        left, right = known(a), known(b)
        if left is not None and right is not None:
            return constant(fold(left, right))
        if right == neutral and right is not None:
            return a
        if left == neutral and left is not None and name != "subi":
            return b
        return getattr(dialect("arith"), name)(a, b)

    return build


add = _folded("addi", lambda a, b: a + b, 0)
sub = _folded("subi", lambda a, b: a - b, 0)
_mul = _folded("muli", lambda a, b: a * b, 1)
minimum = _folded("minsi", min)


def mul(a: Any, b: Any) -> Any:
    """The product."""
    if 0 in (known(a), known(b)):
        return constant(0)
    return _mul(a, b)


def round_down(value: Any, factor: int) -> Any:
    """The largest multiple of ``factor`` that is not above the non-negative ``value``."""
    if factor == 1:
        return value
    number = known(value)
    if number is not None:
        return constant(number // factor * factor)
    step = constant(factor)
    return mul(dialect("arith").divui(value, step), step)


def ceil_div(value: Any, divisor: int) -> Any:
    """``value`` / ``divisor`` rounded up, both non-negative."""
    number = known(value)
    if number is not None:
        return constant(-(-number // divisor))
    return dialect("arith").divui(add(value, constant(divisor - 1)), constant(divisor))


def loop(
    low: Any,
    high: Any,
    step: int,
    carried: Sequence[Any],
    body: Callable[[Any, list[Any]], Sequence[Any]],
) -> list[Any]:
    """``scf.for`` from ``low`` to ``high``; ``body(i, values)`` returns the values to carry on.

    Left out altogether when the bounds show that it never runs.
    """
    first, last = known(low), known(high)
    if first is not None and last is not None and first >= last:
        return list(carried)
    scf = dialect("scf")
    for_op = scf.ForOp(low, high, constant(step), list(carried))
    with mlir.InsertionPoint(for_op.body):
        results = body(for_op.induction_variable, list(for_op.inner_iter_args))
        scf.YieldOp(list(results))
    return list(for_op.results)
