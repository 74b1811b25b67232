"""``when if cond and or loop`` (sections 7.2 and 7.3 of the language reference)."""

from __future__ import annotations

from pharos.lisp.grammar import (
    FORM,
    KEYWORD,
    MAP,
    SYMBOL,
    literal,
    many,
    optional,
    some,
    vector,
)
from pharos.lisp.macros.table import Call, Template, macro, misuse, rule
from pharos.lisp.values import Keyword, List, Map, Symbol, Value, Vector

rule(
    "when",
    {"condition": FORM, "body": some("body")},
    "(scf.if ~condition (region (block [] ~@body (scf.yield))))",
)

_IF = Template(
    "(scf.if ~@map ~condition (region (block [] ~@then)) (region (block [] ~@otherwise)))"
)
_YIELD = Template("(scf.yield ~@values)")
_DEF = Template("(def ~name ~value)")


@macro("if", optional(MAP), FORM, FORM, FORM)
def expand_if(
    call: Call, attributes: Map | None, condition: Value, then: Value, otherwise: Value
) -> Value:
    """A conditional that yields a value when it has a ``:result``, else runs for effect."""
    yields = attributes is not None and "result" in attributes.entries
    return _IF.fill(
        call.span,
        map=[] if attributes is None else [attributes],
        condition=condition,
        then=_branch(call, then, yields),
        otherwise=_branch(call, otherwise, yields),
    )


def _branch(call: Call, form: Value, yields: bool) -> list[Value]:
    """The operations of a branch's block. Only a ``do`` or ``let`` directly there is opened."""
    body = [form]
    if isinstance(form, List) and form.head == "do":
        body = form.items[1:]
    elif isinstance(form, List) and form.head == "let":
        body = _opened_let(call, form)
    if not yields:
        # A name or number on its own does nothing.
        effects = [item for item in body if isinstance(item, List) and item.items]
        return [*effects, _YIELD.fill(call.span, values=[])]
    if not body:
        raise misuse(call, "a branch of an 'if' with :result needs a value", form)
    return [*body[:-1], _YIELD.fill(body[-1].span or call.span, values=[body[-1]])]


def _opened_let(call: Call, form: List) -> list[Value]:
    bindings = form.items[1] if len(form.items) > 1 else None
    if not isinstance(bindings, Vector) or len(bindings.items) % 2:
        # The form `let` itself says what is wrong.
        return [form]
    pairs = zip(bindings.items[::2], bindings.items[1::2], strict=True)
    return [
        *(_DEF.fill(name.span or call.span, name=name, value=value) for name, value in pairs),
        *form.items[2:],
    ]


@macro("cond", optional(MAP), many("clauses"))
def expand_cond(call: Call, attributes: Map | None, clauses: list[Value]) -> Value:
    """Conditions tried in order, ``:else`` last."""
    if len(clauses) % 2:
        raise misuse(
            call,
            "expected pairs of a condition and a result, and :else with its result "
            f"last, got {len(clauses)} forms",
        )
    pairs = list(zip(clauses[::2], clauses[1::2], strict=True))
    if not pairs or not _is_else(pairs[-1][0]):
        raise misuse(
            call,
            "expected :else and a result at the end",
            hint="add `:else VALUE` as the last clause",
        )
    if len(pairs) == 1:
        raise misuse(call, "expected at least one condition before :else", pairs[0][0])
    for condition, _ in pairs[:-1]:
        if _is_else(condition):
            raise misuse(call, "expected :else as the last clause only", condition)
    result = pairs[-1][1]
    for condition, value in reversed(pairs[:-1]):
        result = expand_if(call, attributes, condition, value, result)
    return result


def _is_else(form: Value) -> bool:
    return isinstance(form, Keyword) and form.name == "else"


_BOTH = Template("(if {:result i1} ~first ~rest (: 0 i1))")
_EITHER = Template("(if {:result i1} ~first (: 1 i1) ~rest)")
_AGAIN = Template("(~name ~@rest)")


def _shortcut(name: str, shape: Template, empty: str) -> None:
    nothing = Template(f"(: {empty} i1)")

    @macro(name, many("conditions"))
    def expand(call: Call, conditions: list[Value]) -> Value:
        if not conditions:
            return nothing.fill(call.span)
        if len(conditions) == 1:
            return conditions[0]
        rest = _AGAIN.fill(call.span, name=call.symbol(name), rest=conditions[1:])
        return shape.fill(call.span, first=conditions[0], rest=rest)


_shortcut("and", _BOTH, "1")
_shortcut("or", _EITHER, "0")

_LOOP = Template(
    """
    (scf.while {:result ~type} ~start
      (region (block [(: ~name ~type)] (scf.condition ~condition ~name)))
      (region (block [(: ~name ~type)] (scf.yield ~body))))
    """
)


@macro(
    "loop",
    MAP,
    vector(SYMBOL, FORM, what="a vector [name start]"),
    literal(KEYWORD, "while"),
    FORM,
    literal(KEYWORD, "do"),
    FORM,
)
def expand_loop(
    call: Call,
    attributes: Map,
    binding: tuple[Symbol, Value],
    _while: Value,
    condition: Value,
    _do: Value,
    body: Value,
) -> Value:
    """A loop over one variable; its value is the variable's when the condition became false."""
    name, start = binding
    if "result" not in attributes.entries:
        raise misuse(call, "expected the type of the variable as {:result TYPE}", attributes)
    return _LOOP.fill(
        call.span,
        type=attributes.entries["result"],
        start=start,
        name=name,
        condition=condition,
        body=body,
    )
