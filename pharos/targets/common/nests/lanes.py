"""Constants, joins and prefixes on the lanes of a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir

_NEUTRAL_INT = {"add": 0, "mul": 1, "or": 0, "xor": 0, "and": -1, "maxui": 0, "minui": -1}
_NEUTRAL_FLOAT = {"add": 0.0, "mul": 1.0}


def splat(type_: Any, value: float) -> Any:
    """A constant vector with ``value`` on every lane."""
    attribute = _number(type_.element_type, value)
    return (
        dialect("arith")
        .ConstantOp(type_, mlir.DenseElementsAttr.get_splat(type_, attribute))
        .result
    )


def scalar(type_: Any, value: float) -> Any:
    """A constant number."""
    return dialect("arith").ConstantOp(type_, _number(type_, value)).result


def _number(element: Any, value: float) -> Any:
    if isinstance(element, (mlir.IntegerType, mlir.IndexType)):
        return mlir.IntegerAttr.get(element, int(value))
    return mlir.FloatAttr.get(element, float(value))


def neutral(kind: str, element: Any) -> float:
    """The number that leaves any other as it is when joined by the combiner ``kind``."""
    if isinstance(element, mlir.FloatType):
        value = _NEUTRAL_FLOAT.get(kind)
        if value is None:
            value = float("-inf") if kind.startswith("max") else float("inf")
        return value
    width = element.width
    extremes = {"maxsi": -(1 << (width - 1)), "minsi": (1 << (width - 1)) - 1}
    return extremes.get(kind, _NEUTRAL_INT.get(kind, 0))


def joined(element: Any, kind: str, lanes: Any) -> Any:
    """All lanes joined into one; float sums and products in any order (a tree)."""
    vector = dialect("vector")
    attribute = mlir.Attribute.parse(f"#vector.kind<{kind}>")
    reassociate = mlir.Attribute.parse("#arith.fastmath<reassoc>")
    return vector.ReductionOp(element, attribute, lanes, fastmath=reassociate).result


def combine(operation: str, left: Any, right: Any) -> Any:
    """``left`` and ``right``, numbers or vectors, joined by ``operation`` ("arith.addf")."""
    return getattr(dialect("arith"), operation.split(".")[1])(left, right)


def shuffled(a: Any, b: Any, lanes: Sequence[int]) -> Any:
    """The vector of these lanes of ``a`` followed by ``b``."""
    return dialect("vector").shuffle(a, b, list(lanes))


def prefix(operation: str, values: Any, rest: Any) -> Any:
    """Lane i of the result joins lanes 0 to i of ``values``; ``rest`` is neutral on all lanes.

    Hillis and Steele, 1986: as many steps as the width has bits, each joins with the lanes
    ``step`` to the left.
    """
    width = values.type.shape[0]
    step = 1
    while step < width:
        left = [width - step + i if i < step else width + i - step for i in range(width)]
        values = combine(operation, shuffled(rest, values, left), values)
        step *= 2
    return values


def last(values: Any) -> Any:
    """The last lane, on every lane."""
    width = values.type.shape[0]
    return shuffled(values, values, [width - 1] * width)


def shifted(first: Any, values: Any) -> Any:
    """``values`` moved up by one lane; lane 0 is lane 0 of ``first``."""
    width = values.type.shape[0]
    return shuffled(first, values, [0, *range(width, 2 * width - 1)])
