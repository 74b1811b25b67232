"""The pipeline step: math operations on f32, bf16 and f16 become arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import dialect, mlir
from pharos.targets.cpu.fast_math.functions import F32, FUNCTIONS


@dataclass(frozen=True)
class FastMath:
    """Replace the operations in ``functions.FUNCTIONS``; f64 stays with the C library.

    bf16 and f16 are computed in f32 and rounded once.
    """

    name: ClassVar[str] = "fast-math"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        found: list[Any] = []

        def visit(op: Any) -> Any:
            if op.name in FUNCTIONS and _element(op.results[0].type) in ("f32", "bf16", "f16"):
                found.append(op)
            return mlir.WalkResult.ADVANCE

        module.operation.walk(visit)
        with module.context:
            for op in found:
                with mlir.InsertionPoint(op), op.location:
                    value = _expand(op)
                op.results[0].replace_all_uses_with(value)
                op.erase()
        return module


def _expand(op: Any) -> Any:
    arith = dialect("arith")
    x, type_ = op.operands[0], op.results[0].type
    single = mlir.F32Type.get()
    wide = (
        mlir.VectorType.get(type_.shape, single) if isinstance(type_, mlir.VectorType) else single
    )
    narrow = wide != type_
    value = FUNCTIONS[op.name](F32(wide), arith.extf(wide, x) if narrow else x)
    return arith.truncf(type_, value) if narrow else value


def _element(type_: Any) -> str:
    return str(type_.element_type if isinstance(type_, mlir.VectorType) else type_)
