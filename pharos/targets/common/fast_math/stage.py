"""The pipeline step: math operations on f32, bf16 and f16 become arithmetic, and divisions of f32
vectors by a constant multiplications."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.fast_math.f32 import F32
from pharos.targets.common.fast_math.functions import FUNCTIONS
from pharos.targets.common.fast_math.powers import constant_power, powf
from pharos.targets.common.fast_math.quotients import constant_quotient


@dataclass(frozen=True)
class FastMath:
    """Replace the operations in ``functions.FUNCTIONS``, and ``fpowi`` with a constant exponent.

    f64 stays with the C library.

    bf16 and f16 are computed in f32 and rounded once.
    """

    name: ClassVar[str] = "fast-math"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        # All are chosen first: what one becomes may have others in it.
        found = [op for op in operations(module) if _narrow(op) or _divided_by(op) is not None]
        with module.context:
            for op in found:
                with mlir.InsertionPoint(op), op.location:
                    value = _expand(op)
                op.results[0].replace_all_uses_with(value)
                op.erase()
        return module


def _narrow(op: Any) -> bool:
    return _known(op) and _element(op.results[0].type) in ("f32", "bf16", "f16")


def _known(op: Any) -> bool:
    return op.name in FUNCTIONS or (op.name == "math.fpowi" and _whole_power(op) is not None)


def _whole_power(op: Any) -> float | None:
    """The constant exponent of a ``math.fpowi`` that a float holds exactly."""
    exponent = _splat(op.operands[1])
    return exponent if exponent is not None and abs(exponent) <= 1 << 24 else None


def _expand(op: Any) -> Any:
    arith = dialect("arith")
    type_ = op.results[0].type
    single = mlir.F32Type.get()
    wide = (
        mlir.VectorType.get(type_.shape, single) if isinstance(type_, mlir.VectorType) else single
    )
    narrow = wide != type_
    build, operands = _builder(op)
    value = build(F32(wide), *(arith.extf(wide, x) if narrow else x for x in operands))
    return arith.truncf(type_, value) if narrow else value


def _builder(op: Any) -> tuple[Callable[..., Any], list[Any]]:
    """The function that writes ``op``'s arithmetic, and the operands that it takes."""
    if op.name == "math.fpowi":
        whole = _whole_power(op)
        if whole is None:
            raise ValueError("an exponent that is no constant")
        power = constant_power(whole) or (lambda f, x: powf(f, x, f.number(whole)))
        return power, [op.operands[0]]
    divided = _divided_by(op)
    if divided is not None:
        return divided, [op.operands[0]]
    if op.name == "math.powf":
        exponent = _splat(op.operands[1])
        known = None if exponent is None else constant_power(exponent)
        if known is not None:
            return known, [op.operands[0]]
    return FUNCTIONS[op.name].build, list(op.operands)


def _divided_by(op: Any) -> Callable[..., Any] | None:
    """What writes the division of an f32 vector by a constant; None for another operation."""
    type_ = op.results[0].type if op.name == "arith.divf" else None
    if not isinstance(type_, mlir.VectorType) or str(type_.element_type) != "f32":
        return None
    divisor = _splat(op.operands[1])
    return None if divisor is None else constant_quotient(divisor)


def _splat(value: Any) -> float | None:
    """The number that every element of the constant ``value`` is; None when it is no constant."""
    owner = value.owner
    if isinstance(owner, mlir.Block):
        return None
    if owner.name == "vector.broadcast":
        return _splat(owner.operands[0])
    if owner.name != "arith.constant":
        return None
    attribute = owner.attributes["value"]
    if isinstance(attribute, (mlir.FloatAttr, mlir.IntegerAttr)):
        return float(attribute.value)
    if isinstance(attribute, mlir.DenseElementsAttr) and attribute.is_splat:
        return float(attribute.get_splat_value().value)
    return None


def _element(type_: Any) -> str:
    return str(type_.element_type if isinstance(type_, mlir.VectorType) else type_)
