"""Macros of the language that this version refuses, by name, instead of misreading them."""

from __future__ import annotations

from pharos.core.errors import UserError
from pharos.lisp.grammar import many
from pharos.lisp.macros.table import Call, macro
from pharos.lisp.values import Value

for _name in ("quasiquote", "unquote", "unquote-splice", "defmacro", "require-macros"):

    @macro(_name, many("forms"))
    def refuse(call: Call, _forms: list[Value]) -> Value:
        """Macros written in Lispier are not compiled yet."""
        raise UserError(f"{call.form.head} is not supported yet", span=call.span)
