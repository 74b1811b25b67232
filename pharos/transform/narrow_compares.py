"""Comparisons of widened numbers with constants are made in the type that the numbers have.

    %w = arith.extf %x : f32 to f64; %b = arith.cmpf oeq, %w, %inf : f64
    ==>
    %b = arith.cmpf oeq, %x, %inf' : f32

torch-mlir compares with numbers of Python, which are f64. Only constants that the narrow type has
exactly: then the answer is the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import mlir
from pharos.transform.rounded_constants import constant, rounded


@dataclass(frozen=True)
class NarrowCompares:
    """``arith.cmpf`` of ``arith.extf`` and a constant  ==>  ``arith.cmpf``."""

    name: ClassVar[str] = "narrow-compares"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            for operation in operations(module, "arith.cmpf"):
                number = _exact(operation)
                if number is None:
                    continue
                source = operation.operands[0].owner.operands[0]
                with mlir.InsertionPoint(operation), operation.location:
                    narrow = mlir.Operation.create(
                        "arith.constant",
                        results=[source.type],
                        attributes={"value": mlir.FloatAttr.get(source.type, number)},
                    )
                operation.operands[0] = source
                operation.operands[1] = narrow.results[0]
        return module


def _exact(operation: Any) -> float | None:
    """The constant that ``operation`` compares a widened number with, None when the narrow type
    does not have it."""
    wide, limit = operation.operands
    if isinstance(wide.owner, mlir.Block) or wide.owner.name != "arith.extf":
        return None
    number, kind = constant(limit), str(wide.owner.operands[0].type)
    if number is None or math.isnan(number) or rounded(number, kind) != number:
        return None
    return number
