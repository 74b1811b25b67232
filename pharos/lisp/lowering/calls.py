"""Calls of functions, of either kind of function operation (sections 6.1, 6.8 and 7.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.core.errors import UserError, nearest
from pharos.ir.bindings import mlir
from pharos.lisp.functions import Function, callee_name, is_function_type
from pharos.lisp.lowering import segments
from pharos.lisp.lowering.create import build, check_known
from pharos.lisp.lowering.declarations import value_function
from pharos.lisp.lowering.draft import Draft
from pharos.lisp.lowering.lowering import Lowering
from pharos.lisp.lowering.promotion import fixed_arguments, promoted
from pharos.lisp.lowering.scope import Env
from pharos.lisp.lowering.tables import ALIASED, operation
from pharos.lisp.lowering.unknown import unknown_operation
from pharos.lisp.problems import Consequence
from pharos.lisp.values import Number, String, Symbol, Value, Vector


@operation("func.call")
def lower_call(lowering: Lowering, env: Env, made: Draft) -> Sequence[Any]:
    """A call; the callee is ``:callee`` or a first operand that is a string."""
    if made.operands and isinstance(made.operands[0], String):
        made.attributes["callee"] = made.operands.pop(0)
    function = _function(lowering, env, made)
    if function is not None and function.operation == "llvm.func":
        return _llvm_call(lowering, env, made, function)
    return _func_call(lowering, env, made, function)


@operation("llvm.call")
def lower_llvm_call(lowering: Lowering, env: Env, made: Draft) -> Sequence[Any]:
    """A call of an LLVM function, or of a pointer when there is no ``:callee``."""
    if made.operands and isinstance(made.operands[0], String):
        made.attributes["callee"] = made.operands.pop(0)
    function = _function(lowering, env, made) if "callee" in made.attributes else None
    if function is not None and function.operation == "func.func":
        for key in ("vararg", "var_callee_type", "op_bundle_sizes", segments.KEY):
            made.take(key)
        made.name = "func.call"
        return _func_call(lowering, env, made, function)
    return _llvm_call(lowering, env, made, function)


def _func_call(
    lowering: Lowering, env: Env, made: Draft, function: Function | None
) -> Sequence[Any]:
    made.name = "func.call"
    check_known(lowering, made)
    operands, lengths = lowering.operands(env, made, _inputs(lowering, made, function))
    return build(lowering, env, made, operands, lengths).results


def _llvm_call(
    lowering: Lowering, env: Env, made: Draft, function: Function | None
) -> Sequence[Any]:
    made.name = "llvm.call"
    # The two keys are fixed by the form; old programs write them too.
    made.take("op_bundle_sizes")
    made.take(segments.KEY)
    vararg = made.take("vararg")
    operands, lengths = lowering.operands(env, made, _inputs(lowering, made, function))
    type_ = _variadic_type(lowering, made, function, vararg)
    extra: dict[str, Any] = {
        segments.KEY: mlir.DenseI32ArrayAttr.get([len(operands), 0]),
        "op_bundle_sizes": mlir.DenseI32ArrayAttr.get([]),
    }
    if type_ is not None:
        extra["var_callee_type"] = mlir.TypeAttr.get(type_)
        fixed = fixed_arguments(type_)
        operands[fixed:] = [promoted(lowering, env, v, made.span) for v in operands[fixed:]]
    return build(lowering, env, made, operands, lengths, extra=extra).results


def _variadic_type(
    lowering: Lowering, made: Draft, function: Function | None, vararg: Value | None
) -> Any | None:
    """The LLVM function type that a call with a variable number of arguments carries."""
    written = vararg if vararg is not None else made.attributes.get("var_callee_type")
    if written is not None:
        return _llvm_type(lowering, written)
    if function is not None and function.variadic and function.type is not None:
        return _llvm_type(lowering, function.type)
    return None


def _llvm_type(lowering: Lowering, written: Value) -> Any:
    if is_function_type(written):
        return lowering.types.function(written, llvm=True)
    return lowering.types.of(written)


def _inputs(lowering: Lowering, made: Draft, function: Function | None) -> list[Any]:
    """The types of the parameters, for the bare numbers among the operands."""
    if not any(isinstance(item, Number) for item in made.operands):
        return []
    inputs = function.inputs if function is not None else None
    return [lowering.types.of(item) for item in inputs or []]


def _function(lowering: Lowering, env: Env, made: Draft) -> Function | None:
    """The function that is called; None for one in a module of its own. UserError if unknown."""
    callee = made.attributes.get("callee")
    name = callee_name(callee)
    if callee is None or name is None:
        raise UserError(
            f"{made.name} needs the function's name as :callee @name",
            span=(callee.span if callee is not None else None) or made.span,
        )
    made.attributes["callee"] = Symbol(f"@{name}", callee.span)
    function = lowering.functions.get(name)
    if function is None and name not in lowering.nested_functions:
        function = value_function(lowering, env, name)
    if function is None and name in lowering.failed:
        raise Consequence(f"function '{name}' has mistakes", span=callee.span or made.span)
    if function is None and name not in lowering.nested_functions:
        raise UserError(
            f"unknown function '{name}'",
            span=callee.span or made.span,
            hint=nearest(name, lowering.functions)
            or f"a C function must be declared: (extern-fn {name} (-> [types...] [types...]))",
        )
    return function


@operation(ALIASED)
def lower_aliased_call(lowering: Lowering, env: Env, made: Draft) -> Sequence[Any]:
    """``(u/helper x)``: a call of the function of a required file, with its result types."""
    name = made.head.name
    function = lowering.functions.get(name)
    if function is None:
        raise unknown_operation(lowering, made)
    made.attributes["callee"] = Symbol(f"@{name}", made.head.span)
    if made.result is None and function.outputs:
        made.result = Vector(function.outputs, made.span)
    made.name = "func.call"
    return lower_call(lowering, env, made)
