"""Attributes as written to MLIR attributes (the table of section 6.3)."""

from __future__ import annotations

import re
from typing import Any

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.ir.bindings import MLIRError, mlir
from pharos.lisp.functions import is_function_type
from pharos.lisp.lowering.constants import number_attribute
from pharos.lisp.lowering.types import Types
from pharos.lisp.values import (
    Bool,
    List,
    Number,
    String,
    Symbol,
    Value,
    Vector,
    describe,
    to_text,
)

_PARSED = ("#", "array<", "dense<", "affine_map<", "affine_set<")


class Attributes:
    """The attributes of one context. Must be used while the context is entered."""

    def __init__(self, types: Types) -> None:
        self.types = types
        self._parsed: dict[str, Any] = {}

    def of(self, value: Value) -> Any:
        """The attribute that ``value`` in an attribute map means."""
        if isinstance(value, Symbol):
            return self._symbol(value)
        if isinstance(value, String):
            return self._string(value)
        if isinstance(value, Number):
            return self._number(value)
        if isinstance(value, Bool):
            return mlir.BoolAttr.get(value.value)
        if isinstance(value, Vector):
            return mlir.ArrayAttr.get([self.of(item) for item in value.items])
        if is_function_type(value):
            return mlir.TypeAttr.get(self.types.function(value))
        if isinstance(value, List) and value.head == ":":
            return self._typed(value)
        raise UserError(
            f"{describe(value)} cannot be an attribute",
            span=value.span,
            hint="an attribute is a string, number, boolean, type, @symbol, vector of those, "
            "(: value type) or (-> [types...] [types...])",
        )

    def parse(self, text: str) -> Any | None:
        """The attribute with MLIR's text ``text``, or None when that is none."""
        if text not in self._parsed:
            self._parsed[text] = _parse(text)
        return self._parsed[text]

    def _symbol(self, value: Symbol) -> Any:
        text = value.text
        if text.startswith("@"):
            return _symbol(text, value.span)
        if "<" in text and text.endswith(">"):
            attribute = self.parse(text)
            if attribute is not None:
                return attribute
            if text.startswith(_PARSED):
                raise _not_an_attribute(text, value.span)
        return mlir.TypeAttr.get(self.types.parse(text, value.span))

    def _string(self, value: String) -> Any:
        text = value.value
        if text.endswith("\0"):
            # Text for C, whatever it starts with: print "# title" makes one.
            return mlir.StringAttr.get(text)
        if text.startswith("@"):
            return _symbol(text, value.span)
        if text.startswith(_PARSED):
            attribute = self.parse(text)
            if attribute is None:
                raise _not_an_attribute(text, value.span)
            return attribute
        return mlir.StringAttr.get(text)

    def _number(self, value: Number) -> Any:
        number = value.value
        whole = isinstance(number, int) or number.is_integer()
        type_ = self.types.parse("i64" if whole else "f64", None)
        return number_attribute(int(number) if whole else number, type_, value.span)

    def _typed(self, form: List) -> Any:
        type_ = form.items[2] if len(form.items) == 3 else None
        if not isinstance(type_, Symbol):
            raise UserError(
                f"invalid type annotation: expected (: value type), got {describe(form)}",
                span=form.span,
            )
        value = form.items[1]
        if isinstance(value, Number | Bool):
            return number_attribute(value.value, self.types.of(type_), form.span)
        # A string may be the attribute's text, or a string attribute of that type.
        texts = [f"{to_text(value)} : {type_.text}"]
        if isinstance(value, String):
            texts.insert(0, f"{value.value} : {type_.text}")
        for text in texts:
            attribute = self.parse(text)
            if attribute is not None:
                return attribute
        raise _not_an_attribute(texts[0], form.span)


def _symbol(text: str, span: Span | None) -> Any:
    """The reference that ``@name`` or ``@module::@name`` means."""
    names = [name.removeprefix("@") for name in text.split("::")]
    if not all(names):
        raise UserError("expected a name after '@'", span=span)
    return mlir.SymbolRefAttr.get(names)


# A literal written with blanks for commas, as the first Lispier took it.
_BLANKS = re.compile(r"(?<=[\w.\]]) +(?=[-\w.\[])")


def _parse(text: str) -> Any | None:
    try:
        return mlir.Attribute.parse(text)
    except MLIRError:
        pass
    text = _with_commas(text)
    try:
        return mlir.Attribute.parse(text) if text else None
    except MLIRError:
        return None


def _with_commas(text: str) -> str:
    """``array<i32: 0 1>`` and ``dense<1 2>`` as MLIR writes them; "" for any other text."""
    head, bracket, body = text.partition("<")
    if not bracket or "," in text:
        return ""
    if head == "array":
        kind, colon, items = body.partition(":")
        return f"array<{kind}: {_BLANKS.sub(', ', items.strip())}" if colon else ""
    if head != "dense":
        return ""
    items, end, type_ = body.partition(">")
    items = _BLANKS.sub(", ", items.strip())
    if "," in items and not items.startswith("["):
        items = f"[{items}]"
    return f"dense<{items}{end}{type_}"


def _not_an_attribute(text: str, span: Span | None) -> UserError:
    hint = None
    try:
        mlir.Attribute.parse(text)
    except MLIRError as error:
        if error.error_diagnostics:
            hint = f"MLIR says: {error.error_diagnostics[0].message}"
    return UserError(f"attribute parse error: '{text}' is not an attribute", span=span, hint=hint)
