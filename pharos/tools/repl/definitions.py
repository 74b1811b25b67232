"""What was defined at the prompt: functions, globals, other symbols; which of them use which."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pharos.core.span import Span
from pharos.lisp.functions import Function, function_of
from pharos.lisp.values import Bool, List, Map, String, Symbol, Value, Vector, to_text

_GLOBALS = ("memref.global", "llvm.mlir.global")
# How the names of printed strings start (language reference, section 7.7).
_STRING = "_print_str_"
_MENTIONS = re.compile(r"@([\w.$-]+)")
_versions = itertools.count(1)


@dataclass(frozen=True)
class Definition:
    """One symbol of the session. A redefinition has a new ``version``.

    ``kind`` is "function", "global" (memory that is kept from line to line), "constant" (a global
    that nobody writes to), "string" (one that a macro made for a text) or "symbol" (anything else
    with a name). ``mentions`` are all names that its form could refer to.
    """

    name: str
    kind: str
    form: List
    mentions: frozenset[str]
    function: Function | None = None
    version: int = field(default_factory=lambda: next(_versions))

    @property
    def span(self) -> Span | None:
        """Where it was entered."""
        return self.form.span

    @property
    def defined(self) -> bool:
        """Whether it is more than the declaration of a function."""
        return self.function is None or self.function.defined

    def declaration(self) -> List:
        """The form that declares this function and leaves its body out."""
        function = self.function
        if function is None or not function.defined or function.type is None:
            return self.form
        entries: dict[str, Value] = {
            "sym_name": String(self.name, self.span),
            "function_type": function.type,
        }
        if function.operation == "func.func":
            entries["sym_visibility"] = String("private", self.span)
        else:
            entries["linkage"] = String("#llvm.linkage<external>", self.span)
        head = Symbol(function.operation, self.span)
        empty = List([Symbol("region", self.span)], self.span)
        return List([head, Map(entries, self.span), empty], self.span)

    @property
    def takes_tensors(self) -> bool:
        """Whether tensors cross its boundary: such a function is compiled with its caller."""
        if self.function is None or self.function.type is None:
            return False
        return "tensor<" in to_text(self.function.type)


def definition_of(form: Value) -> Definition | None:
    """The definition that an expanded form makes, if it makes one."""
    name = _symbol_name(form)
    if name is None:
        return None
    assert isinstance(form, List)
    mentions = frozenset(mentioned([form]) - {name})
    function = function_of(form)
    if function is not None:
        return Definition(name, "function", form, mentions, function)
    if name.startswith(_STRING):
        return Definition(name, "string", form, mentions)
    if form.head in _GLOBALS:
        return Definition(name, "constant" if _is_constant(form) else "global", form, mentions)
    return Definition(name, "symbol", form, mentions)


def _symbol_name(form: Value) -> str | None:
    attributes = form.items[1] if isinstance(form, List) and len(form.items) > 1 else None
    name = attributes.entries.get("sym_name") if isinstance(attributes, Map) else None
    return name.value if isinstance(name, String) else None


def _is_constant(form: List) -> bool:
    attributes = form.items[1]
    assert isinstance(attributes, Map)
    flag = attributes.entries.get("constant")
    return flag is not None and not (isinstance(flag, Bool) and not flag.value)


def mentioned(forms: Iterable[Value]) -> set[str]:
    """Every text in ``forms`` that could be the name of a symbol; too many rather than too few."""
    found: set[str] = set()
    for text in _texts(forms):
        found.add(text)
        if "@" in text:
            found.update(_MENTIONS.findall(text))
        found.add(Symbol(text.removeprefix("@")).name)
    return found


def _texts(forms: Iterable[Value]) -> Iterator[str]:
    waiting = list(forms)
    while waiting:
        item = waiting.pop()
        if isinstance(item, List | Vector):
            waiting += item.items
        elif isinstance(item, Map):
            waiting += item.entries.values()
        elif isinstance(item, Symbol):
            yield item.text
        elif isinstance(item, String):
            yield item.value
