"""The running softmax of rows: a maximum and a sum for each, kept from tile to tile."""

from __future__ import annotations

import math
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.fast_math.exponentials import moderate_exp
from pharos.targets.common.fast_math.f32 import F32
from pharos.targets.xegpu import ops
from pharos.targets.xegpu.attention.place import Place, across

# e^x is taken as zero below: a denormal, or less.
_LEAST = -87.0


def weigh(place: Place, scores: Any, most: Any, total: Any) -> tuple[Any, Any, Any, Any]:
    """Weights of a tile of ``scores``, the new maxima and sums of rows, and what was summed with
    the old maxima has to be multiplied with.

    ``most`` and ``total`` (f32 for each row) begin as minus infinity and zero.
    """
    arith = dialect("arith")
    columns = scores.type.shape[1]
    highest = _reduced(place, "maximumf", scores, most)
    # Without this, rows that have seen nothing yet would be infinity minus infinity.
    f = F32(highest.type)
    none = f.equal(highest, f.number(-math.inf))
    shift = arith.select(none, f.number(0.0), highest)
    correction = _decay(arith.subf(most, shift))
    weights = _decay(arith.subf(scores, across(shift, columns)))
    total = _reduced(place, "add", weights, arith.mulf(total, correction))
    return weights, highest, total, correction


def inverse(total: Any, empty_rows: str) -> Any:
    """What sums of rows are multiplied with at the end. For rows whose ``total`` is zero it is
    NaN or, with ``empty_rows`` "zero", zero."""
    arith, f = dialect("arith"), F32(total.type)
    value = math.nan if empty_rows == "nan" else 0.0
    found = arith.divf(f.number(1.0), total)
    return arith.select(f.equal(total, f.number(0.0)), f.number(value), found)


def _decay(x: Any) -> Any:
    """e^x for x up to 0 (a little more does no harm), NaN for NaN."""
    f = F32(x.type)
    small = f.less(x, f.number(_LEAST))
    return f.arith.select(small, f.number(0.0), moderate_exp(f, x))


def _reduced(place: Place, kind: str, tile: Any, start: Any) -> Any:
    """Each row of ``tile`` joined with what ``start`` has for it; lanes reduce row by row."""
    tile = ops.convert_layout(tile, place.weights, place.lines)
    attributes = {
        "kind": mlir.Attribute.parse(f"#vector.kind<{kind}>"),
        "reduction_dims": mlir.DenseI64ArrayAttr.get([1]),
    }
    return mlir.Operation.create(
        "vector.multi_reduction",
        results=[start.type],
        operands=[tile, start],
        attributes=attributes,
    ).result
