"""Constants that are rounded to a narrower float type become constants of that type.

    %c = arith.constant 0.1 : f64; %d = arith.truncf %c : f64 to f32
    ==>
    %d = arith.constant 0.1 : f32

torch-mlir writes every number of a model so. MLIR folds only roundings that lose nothing; the
default rounding of truncf is to the nearest, ties to even, and so it is here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import mlir

# Bits of the significand, and the least and the largest exponent of normal numbers.
_FORMATS = {"f32": (24, -125, 128), "bf16": (8, -125, 128), "f16": (11, -13, 16)}


@dataclass(frozen=True)
class RoundedConstants:
    """``arith.truncf`` of a constant  ==>  ``arith.constant``."""

    name: ClassVar[str] = "rounded-constants"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place; what would overflow or be denormal is left."""
        with module.context:
            for operation in operations(module, "arith.truncf"):
                type_ = operation.results[0].type
                value = constant(operation.operands[0])
                number = None if value is None else rounded(value, str(type_))
                if number is None:
                    continue
                with mlir.InsertionPoint(operation), operation.location:
                    made = mlir.Operation.create(
                        "arith.constant",
                        results=[type_],
                        attributes={"value": mlir.FloatAttr.get(type_, number)},
                    )
                operation.results[0].replace_all_uses_with(made.results[0])
                operation.erase()
        return module


def rounded(value: float, type_: str) -> float | None:
    """``value`` rounded to the nearest number of the float type; None when that is no normal
    number or the type is another one."""
    if type_ not in _FORMATS:
        return None
    if value == 0 or not math.isfinite(value):
        return value
    bits, low, high = _FORMATS[type_]
    fraction, exponent = math.frexp(value)
    # Python rounds ties to even, as the hardware does.
    number = math.ldexp(round(math.ldexp(fraction, bits)), exponent - bits)
    return number if low <= math.frexp(number)[1] <= high else None


def constant(value: Any) -> float | None:
    """The number that ``value`` is; None when it is no constant float."""
    owner = value.owner
    if isinstance(owner, mlir.Block) or owner.name != "arith.constant":
        return None
    attribute = owner.attributes["value"]
    return float(attribute.value) if isinstance(attribute, mlir.FloatAttr) else None
