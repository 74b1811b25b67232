"""Macro expansion (section 4 of the language reference)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pharos.core.errors import UserError, nearest
from pharos.core.span import Span
from pharos.lisp.expansions import Written, explained
from pharos.lisp.grammar import SYMBOL, TYPE, Grammar
from pharos.lisp.macros import BUILT_IN, Call, Macro
from pharos.lisp.macros.printing import global_string
from pharos.lisp.macros.structs import Struct, accessors, parse_struct
from pharos.lisp.values import List, Map, String, Symbol, Value, Vector, to_text

if TYPE_CHECKING:
    from pharos.lisp.macro_engine import MacroEngine

MAX_EXPANSIONS = 100
_RECURSION = 6000


@dataclass
class Names:
    """What all files of a program share: names that must differ, and macro functions."""

    strings: int = 0
    written: Written = field(default_factory=Written)


@dataclass
class Expander:
    """Expands the forms of one file. Its macros and structs are that file's own."""

    names: Names = field(default_factory=Names)
    macros: dict[str, Macro] = field(default_factory=lambda: dict(BUILT_IN))
    structs: dict[str, Struct] = field(default_factory=dict)
    # The types that deftype named, by name.
    types: dict[str, Value] = field(default_factory=dict)
    # The globals of printed strings, by their text.
    strings: dict[str, Value] = field(default_factory=dict)
    # C functions that the expansions call.
    needed: set[str] = field(default_factory=set)
    _globals: dict[str, str] = field(default_factory=dict)
    _prints: int = 0
    # How many written macros are being expanded, one in the expansion of the other.
    nested: int = 0

    def top_level(self, form: Value) -> Iterator[Value]:
        """The forms that ``form`` at the top of a file becomes.

        ``module`` and ``do`` are opened, definitions for the expander are taken in, empty lists
        are dropped.
        """
        before = self.nested
        try:
            for expanded in self._top_level(form):
                self.names.written.note(expanded)
                yield expanded
        except UserError:
            self.names.written.failed.update(_names_in(form))
            raise
        finally:
            self.nested = before

    def _top_level(self, form: Value) -> Iterator[Value]:
        if isinstance(form, List):
            if form.head in ("module", "do"):
                for item in form.items[1:]:
                    yield from self.top_level(item)
                return
            definition = _DEFINITIONS.get(form.head or "")
            if definition is not None and form.head not in self.macros:
                definition(self, form)
                return
            head = form.head
            form = self._until_no_macro(self.with_types(form))
            if isinstance(form, List) and form.head != head:
                yield from self.top_level(form)
                return
        if not isinstance(form, List) or form.items:
            yield self._expand_items(form)

    def expand(self, value: Value) -> Value:
        """``value`` with every macro call in it replaced by its expansion."""
        if not isinstance(value, List):
            return self._expand_items(value)
        before = self.nested
        expanded = self._expand_items(self._until_no_macro(value))
        self.nested = before
        return expanded

    def _expand_items(self, value: Value) -> Value:
        if isinstance(value, List):
            return List([self.expand(item) for item in value.items], value.span)
        if isinstance(value, Vector):
            return Vector([self.expand(item) for item in value.items], value.span)
        return value

    def _until_no_macro(self, form: Value) -> Value:
        result: Value = form
        for _ in range(MAX_EXPANSIONS):
            macro = self.macros.get(result.head or "") if isinstance(result, List) else None
            if macro is None:
                return result
            assert isinstance(result, List)
            result = macro.expand(Call(result, self))
        raise UserError(
            f"maximum macro expansion depth exceeded: after {MAX_EXPANSIONS} expansions "
            f"'{to_text(form)[:40]}' is still a macro call",
            span=form.span,
        )

    def with_types(self, value: Value) -> Value:
        """``value`` with the names that deftype gave replaced by their types."""
        if not self.types:
            return value
        if isinstance(value, Symbol):
            type_ = self.types.get(value.text)
            return replace(type_, span=value.span) if type_ is not None else value
        if isinstance(value, List):
            return List([self.with_types(item) for item in value.items], value.span)
        if isinstance(value, Vector):
            return Vector([self.with_types(item) for item in value.items], value.span)
        if isinstance(value, Map):
            entries = {key: self.with_types(item) for key, item in value.entries.items()}
            return Map(entries, value.span, value.key_spans)
        return value

    def define_type(self, form: List) -> None:
        """Take in ``(deftype Name type)``: from here on in this file the name is that type."""
        name, type_ = _DEFTYPE.parse(form, "deftype")
        self.types[name.text] = self.with_types(type_)

    def define_struct(self, form: List) -> None:
        """Take in a ``defstruct``: its accessors become macros."""
        struct = parse_struct(form)
        self.structs[struct.name] = struct
        self.macros.update({made.name: made for made in accessors(struct)})

    def define_macro(self, form: List) -> None:
        """Take in a ``defmacro``: the function that it names becomes a macro of the file."""
        from pharos.lisp.written_macros import define_macro

        define_macro(self, form)

    def struct(self, name: Symbol, call: Call) -> Struct:
        """The struct that ``(new name)`` in ``call`` means."""
        struct = self.structs.get(name.text)
        if struct is None:
            raise UserError(
                f"macro 'new': unknown struct '{name.text}'",
                span=name.span,
                hint=nearest(name.text, self.structs)
                or "define it before with (defstruct Name [field type] ...)",
            )
        return struct

    def print_string(self, text: String) -> str:
        """The name of the global that holds ``text``, for printf; equal texts share one."""
        self.needed.add("printf")
        return self.global_text(text)

    def global_text(self, text: String) -> str:
        """The name of the global that holds ``text`` as a C string; equal texts share one."""
        name = self._globals.get(text.value)
        if name is None:
            name = self._globals[text.value] = f"_print_str_{self.names.strings}"
            self.names.strings += 1
            self.strings[text.value] = made = global_string(name, text)
            self.names.written.known[name] = made
            self.names.written.texts[name] = text.value
        return name

    def next_print(self) -> int:
        """A number for the temporary of one more print."""
        self._prints += 1
        return self._prints - 1


_DEFTYPE = Grammar(SYMBOL, TYPE)
_DEFINITIONS: dict[str, Callable[[Expander, List], None]] = {
    "defmacro": Expander.define_macro,
    "defstruct": Expander.define_struct,
    "deftype": Expander.define_type,
}


def _names_in(form: Value) -> Iterator[str]:
    """The function that ``form`` would have defined."""
    if not isinstance(form, List) or len(form.items) < 2:
        return
    named = form.items[1]
    if isinstance(named, Symbol):
        yield named.text
    elif isinstance(named, Map) and isinstance(name := named.entries.get("sym_name"), String):
        yield name.value


def expand(
    values: list[Value], *, names: Names | None = None, engine: MacroEngine | None = None
) -> list[Value]:
    """The top-level forms ``values`` of one file, expanded; globals of prints come first.

    ``engine`` runs macros that have to be compiled; those of other files are not looked up.
    """
    expander = Expander(names or Names(written=Written(engine)))
    forms: list[Value] = []
    try:
        for value in values:
            with deep_recursion(value.span):
                forms += expander.top_level(value)
    except UserError as error:
        raise explained(error, expander.names.written.expansions) from None
    return [*expander.strings.values(), *forms]


@contextmanager
def deep_recursion(span: Span | None = None) -> Iterator[None]:
    """Room for the recursion over the form at ``span``, and an error where it still does not do."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION))
    try:
        yield
    except RecursionError:
        raise UserError(
            "forms are nested too deeply after macro expansion",
            span=span,
            hint="give inner forms a name with def",
        ) from None
    finally:
        sys.setrecursionlimit(before)
