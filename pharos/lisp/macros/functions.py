"""``defn call call! vararg-call extern-fn`` (sections 7.1 and 7.5 of the language reference)."""

from __future__ import annotations

from typing import Any

from pharos.lisp.grammar import (
    SYMBOL,
    TYPE,
    TYPED,
    VECTOR,
    Part,
    form,
    literal,
    many,
    one_of,
    some,
    vector,
)
from pharos.lisp.macros.table import Call, Template, macro, misuse
from pharos.lisp.values import List, String, Symbol, Value, Vector, describe


def _as_written(part: Part) -> Part:
    """``part``, but its result is the value as it was written."""

    def take(value: Value) -> Value:
        part.take(value)
        return value

    return Part(part.what, take)


PARAMETER = _as_written(TYPED)
_TYPES = vector(many("types", TYPE), what="a vector of types")
FUNCTION_TYPE = form(
    literal(SYMBOL, "->"), _TYPES, _TYPES, what="a function type (-> [types...] [types...])"
)

_DEFN = Template(
    """
    (func.func {:sym_name ~name :function_type (-> ~inputs ~outputs)
                :llvm.emit_c_interface true}
      (do (block ~parameters ~@body)))
    """
)


@macro("defn", SYMBOL, VECTOR, some("body"))
def expand_defn(call: Call, name: Symbol, parameters: Vector, rest: list[Value]) -> Value:
    """A function; what it returns is said by a ``func.return`` at its end."""
    inputs: list[Value] = []
    for parameter in parameters.items:
        if not PARAMETER.accepts(parameter):
            raise misuse(
                call,
                f"expected {TYPED.what}, got {describe(parameter)}",
                parameter,
                hint="write each parameter as (: x i64)",
            )
        inputs.append(TYPED.take(parameter)[2])
    outputs: list[Value] = []
    body = rest
    if isinstance(rest[0], Symbol) and rest[0].text == "->":
        if len(rest) < 2 or not isinstance(rest[1], Symbol | String):
            raise misuse(
                call, "expected one result type after '->'", rest[1] if len(rest) > 1 else rest[0]
            )
        outputs, body = [rest[1]], rest[2:]
    if not body:
        raise misuse(
            call, "expected at least one form in the body", hint="a body ends in (func.return ...)"
        )
    return _DEFN.fill(
        call.span,
        name=String(name.name, name.span),
        inputs=Vector(inputs, parameters.span),
        outputs=Vector(outputs, call.span),
        parameters=parameters,
        body=body,
    )


def _callee(name: Symbol) -> Symbol:
    return Symbol("@" + name.name.removeprefix("@"), name.span)


_CALL = Template("(func.call {:callee ~callee :result ~type} ~@arguments)")
_CALL_FOR_EFFECT = Template("(func.call {:callee ~callee} ~@arguments)")
_VARARG_CALL = Template("(llvm.call {:callee ~callee :vararg ~function :result ~type} ~@arguments)")


@macro("call", one_of(TYPE, VECTOR), SYMBOL, many("arguments"))
def expand_call(call: Call, type_: Value, name: Symbol, arguments: list[Value]) -> Value:
    """A call with a result of the given type (or a vector of types)."""
    return _CALL.fill(call.span, callee=_callee(name), type=type_, arguments=arguments)


@macro("call!", SYMBOL, many("arguments"))
def expand_call_for_effect(call: Call, name: Symbol, arguments: list[Value]) -> Value:
    """A call of a function without results."""
    return _CALL_FOR_EFFECT.fill(call.span, callee=_callee(name), arguments=arguments)


@macro("vararg-call", TYPE, SYMBOL, _as_written(FUNCTION_TYPE), many("arguments"))
def expand_vararg_call(
    call: Call, type_: Value, name: Symbol, function: List, arguments: list[Value]
) -> Value:
    """A call of a C function with a variable number of arguments."""
    return _VARARG_CALL.fill(
        call.span, callee=_callee(name), function=function, type=type_, arguments=arguments
    )


_EXTERN = Template('(func.func {:sym_name ~name :function_type ~type :sym_visibility "private"})')
_EXTERN_VARARG = Template(
    """
    (llvm.func {:sym_name ~name :function_type ~type :linkage "#llvm.linkage<external>"} (region))
    """
)


@macro("extern-fn", SYMBOL, _as_written(FUNCTION_TYPE))
def expand_extern(call: Call, name: Symbol, type_: List) -> Value:
    """The declaration of a C function."""
    inputs, outputs = (part.items for part in type_.items[1:] if isinstance(part, Vector))
    string = String(name.name, name.span)
    if not any(isinstance(item, Symbol) and item.text == "..." for item in inputs):
        return _EXTERN.fill(call.span, name=string, type=type_)
    return _EXTERN_VARARG.fill(
        call.span, name=string, type=Symbol(llvm_function(call, inputs, outputs), type_.span)
    )


def llvm_function(call: Call, inputs: list[Value], outputs: list[Value]) -> str:
    """The LLVM function type ``!llvm.func<R (args, ...)>`` as text."""
    if len(outputs) > 1:
        raise misuse(call, f"expected at most one result type, got {len(outputs)}", outputs[1])
    result = _llvm_name(outputs[0]) if outputs else "void"
    return f"!llvm.func<{result} ({', '.join(map(_llvm_name, inputs))})>"


def _llvm_name(type_: Any) -> str:
    text = type_.text if isinstance(type_, Symbol) else type_.value
    return str(text).removeprefix("!llvm.")
