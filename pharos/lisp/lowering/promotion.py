"""C's default argument promotions, for what is passed where a C function says ``...``.

A C compiler widens such an argument before the call: the function that is called reads nothing
narrower than an int or a double.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pharos.core.span import Span
from pharos.ir.bindings import mlir
from pharos.lisp.lowering.insertion import insert
from pharos.lisp.lowering.scope import Env

if TYPE_CHECKING:
    from pharos.lisp.lowering.lowering import Lowering


def promoted(lowering: Lowering, env: Env, value: Any, span: Span | None) -> Any:
    """``value`` as C passes it: at least 32 bits of integer, floats as f64, an index as i64."""
    how = _promotion(value.type)
    if how is None:
        return value
    name, type_ = how
    made = insert(env, name, lowering.location(span), span, results=[type_], operands=[value])
    return made.results[0]


def _promotion(type_: Any) -> tuple[str, Any] | None:
    if isinstance(type_, mlir.IndexType):
        return "arith.index_cast", mlir.IntegerType.get_signless(64)
    if isinstance(type_, mlir.IntegerType) and type_.width < 32:
        # An i1 is a truth value, 1 and not -1.
        name = "arith.extui" if type_.width == 1 else "arith.extsi"
        return name, mlir.IntegerType.get_signless(32)
    if isinstance(type_, mlir.F32Type | mlir.F16Type | mlir.BF16Type):
        return "arith.extf", mlir.F64Type.get()
    return None


def fixed_arguments(function_type: Any) -> int:
    """How many arguments the LLVM function type names before its ``...``."""
    text = str(function_type)
    depth, commas = 0, 0
    for char in text[text.index(" (") + 2 :]:
        depth += (char in "(<[") - (char in ")>]")
        commas += char == "," and depth == 0
    return commas
