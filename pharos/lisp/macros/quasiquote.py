"""Quasiquote: code that builds a form at run time (section 7.9 of the language reference).

    `(arith.addi ~x 1)  ->  (let [__qq__0 (func.call {:callee @value_list_new ...})
                                  __qq__1 (func.call {:callee @value_symbol_arith_addi ...})
                                  __qq__2 (func.call {:callee @value_number_new ...} (: 1 f64))]
                              (func.call {:callee @value_list_push} __qq__0 __qq__1)
                              (func.call {:callee @value_list_push} __qq__0 x)
                              (func.call {:callee @value_list_push} __qq__0 __qq__2)
                              __qq__0)

``~@x`` pushes every item of x. A vector is a list made a vector, a map is set key by key. In a
quasiquote inside this one, ``~`` belongs to that one; ``~~x`` reaches out.
"""

from __future__ import annotations

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.lisp.grammar import FORM, STRING
from pharos.lisp.macros.table import Call, Template, macro
from pharos.lisp.values import (
    EXACT,
    Bool,
    Keyword,
    List,
    Map,
    Nil,
    Number,
    String,
    Symbol,
    Value,
    Vector,
    kind,
    to_text,
)

# Symbols with a function of their own.
_SYMBOLS = {
    "arith.addi": "arith_addi",
    "arith.subi": "arith_subi",
    "arith.muli": "arith_muli",
    "arith.divsi": "arith_divsi",
    "func.return": "func_return",
    "def": "def",
    "do": "do",
    ":": "colon",
}
_MAKE = Template("(func.call {:callee ~callee :result !llvm.ptr} ~@arguments)")
_DO = Template("(func.call {:callee ~callee} ~@arguments)")
_TEXT = Template("(llvm.mlir.addressof {:global_name ~name :result !llvm.ptr})")
_LET = Template("(let ~bindings ~@body)")
_TYPED = Template("(: ~number ~type)")
_QUOTES = ("quasiquote", "unquote", "unquote-splice")


@macro("quasiquote", FORM)
def expand_quasiquote(call: Call, form: Value) -> Value:
    """Code whose value is a pointer to the form, its unquoted parts filled in."""
    return _Builder(call).build(form, 0)


@macro("c-string", STRING)
def expand_c_string(call: Call, text: String) -> Value:
    """A pointer to the text as C has it, for value functions and C functions."""
    name = call.expander.global_text(String(text.value, text.span or call.span))
    return _TEXT.fill(call.span, name=call.symbol(f"@{name}"))


@macro("unquote", FORM)
def refuse_unquote(call: Call, _form: Value) -> Value:
    """``~`` fills a hole of a quasiquote."""
    raise UserError("'~' stands only in a quasiquote", span=call.span, hint="write `(... ~x ...)")


@macro("unquote-splice", FORM)
def refuse_splice(call: Call, _form: Value) -> Value:
    """``~@`` fills a hole of a quasiquote with the items of a list."""
    raise UserError("'~@' stands only in a quasiquote", span=call.span, hint="write `(... ~@x ...)")


class _Builder:
    def __init__(self, call: Call) -> None:
        self.expander = call.expander
        self.span: Span | None = call.span

    def build(self, form: Value, level: int) -> Value:
        """An expression whose value is ``form``, which is inside ``level`` more quasiquotes."""
        self.span = form.span or self.span
        span = self.span
        if isinstance(form, List):
            return self._list(form, level)
        if isinstance(form, Vector):
            made = self._made("vector", form.items, level)
            self.span = span
            return self._call("value_list_to_vector", made)
        if isinstance(form, Map):
            return self._map(form, level)
        return self._atom(form)

    def _list(self, form: List, level: int) -> Value:
        if form.head not in _QUOTES or len(form.items) != 2:
            return self._made("list", form.items, level)
        if form.head == "quasiquote":
            return self._made("list", form.items, level + 1)
        if level:
            return self._made("list", form.items, level - 1)
        if form.head == "unquote":
            return form.items[1]
        raise UserError(
            "'~@' fills in the items of a list, so it stands only inside a list or vector",
            span=form.span,
        )

    def _made(self, what: str, items: list[Value], level: int) -> Value:
        span = self.span
        target = Symbol("__qq__0", span)
        bindings: list[Value] = [target, self._call("value_list_new")]
        pushes: list[Value] = []
        for item in items:
            function = "value_list_push"
            if isinstance(item, List) and item.head == "unquote-splice" and not level:
                function = "value_list_extend"
                if len(item.items) != 2:
                    raise UserError(f"'~@' in a {what} takes one form", span=item.span)
                item = item.items[1]
            else:
                item = self.build(item, level)
            if not isinstance(item, Symbol):
                name = Symbol(f"__qq__{len(bindings) // 2}", item.span)
                bindings += [name, item]
                item = name
            pushes.append(self._effect(function, target, item))
        return _LET.fill(span, bindings=Vector(bindings, span), body=[*pushes, target])

    def _map(self, form: Map, level: int) -> Value:
        span = self.span
        target = Symbol("__qq__0", span)
        bindings: list[Value] = [target, self._call("value_map_new")]
        settings: list[Value] = []
        for key, item in form.entries.items():
            name = Symbol(f"__qq__{len(bindings) // 2}", self.span)
            bindings += [name, self.build(item, level)]
            settings.append(self._effect("value_map_set", target, self._text(key), name))
        return _LET.fill(span, bindings=Vector(bindings, span), body=[*settings, target])

    def _atom(self, form: Value) -> Value:
        if isinstance(form, Symbol):
            known = _SYMBOLS.get(form.text)
            if known is not None:
                return self._call(f"value_symbol_{known}")
            return self._call("value_symbol_new", self._text(form.text))
        if isinstance(form, Number) and _is_exact(form.value):
            return self._call("value_number_new", self._constant(form, "f64"))
        if isinstance(form, Bool):
            return self._call("value_bool_new", self._constant(Number(int(form.value)), "i1"))
        if isinstance(form, Nil):
            return self._call("value_nil_new")
        # C strings end at their first NUL; the text of a value has none.
        if isinstance(form, String | Keyword):
            text = form.value if isinstance(form, String) else f":{form.name}"
            if "\0" not in text:
                return self._call(f"value_{kind(form)}_new", self._text(text))
        return self._call("value_read", self._text(to_text(form)))

    def _constant(self, number: Number, type_: str) -> Value:
        return _TYPED.fill(self.span, number=number, type=Symbol(type_, self.span))

    def _text(self, text: str) -> Value:
        name = self.expander.global_text(String(text, self.span))
        return _TEXT.fill(self.span, name=Symbol(f"@{name}", self.span))

    def _call(self, function: str, *arguments: Value) -> Value:
        return self._filled(_MAKE, function, arguments)

    def _effect(self, function: str, *arguments: Value) -> Value:
        return self._filled(_DO, function, arguments)

    def _filled(self, shape: Template, function: str, arguments: tuple[Value, ...]) -> Value:
        callee = Symbol(f"@{function}", self.span)
        return shape.fill(self.span, callee=callee, arguments=arguments)


def _is_exact(number: int | float) -> bool:
    """Whether ``value_number_new`` gives ``number`` back from an f64 as it was written."""
    if isinstance(number, int):
        return abs(number) <= EXACT
    return not (number.is_integer() and abs(number) <= EXACT) or repr(number) == "-0.0"
