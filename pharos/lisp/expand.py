"""Macro expansion (section 4 of the language reference)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pharos.core.errors import UserError, nearest
from pharos.lisp.macros import BUILT_IN, Call, Macro
from pharos.lisp.macros.printing import global_string
from pharos.lisp.macros.structs import Struct, accessors, parse_struct
from pharos.lisp.values import List, String, Symbol, Value, Vector

MAX_EXPANSIONS = 100
_RECURSION = 6000


@dataclass
class Names:
    """Names that must differ over all files of a program."""

    strings: int = 0


@dataclass
class Expander:
    """Expands the forms of one file. Its macros and structs are that file's own."""

    names: Names = field(default_factory=Names)
    macros: dict[str, Macro] = field(default_factory=lambda: dict(BUILT_IN))
    structs: dict[str, Struct] = field(default_factory=dict)
    # The globals of printed strings, by their text.
    strings: dict[str, Value] = field(default_factory=dict)
    # C functions that the expansions call.
    needed: set[str] = field(default_factory=set)
    _globals: dict[str, str] = field(default_factory=dict)
    _prints: int = 0

    def top_level(self, form: Value) -> Iterator[Value]:
        """The forms that ``form`` at the top of a file becomes.

        ``module`` and ``do`` are opened, ``defstruct`` is taken in, empty lists are dropped.
        """
        if isinstance(form, List):
            if not form.items:
                return
            if form.head in ("module", "do"):
                for item in form.items[1:]:
                    yield from self.top_level(item)
                return
            if form.head == "defstruct":
                self.define_struct(parse_struct(form), form)
                return
        expanded = self.expand(form)
        if expanded is not form and isinstance(expanded, List):
            if expanded.head in ("module", "do"):
                for item in expanded.items[1:]:
                    yield from self.top_level(item)
                return
            if not expanded.items:
                return
        yield expanded

    def expand(self, value: Value) -> Value:
        """``value`` with every macro call in it replaced by its expansion."""
        if isinstance(value, List):
            value = self._until_no_macro(value)
            if isinstance(value, List):
                return List([self.expand(item) for item in value.items], value.span)
        if isinstance(value, Vector):
            return Vector([self.expand(item) for item in value.items], value.span)
        return value

    def _until_no_macro(self, form: List) -> Value:
        result: Value = form
        for _ in range(MAX_EXPANSIONS):
            macro = self.macros.get(result.head or "") if isinstance(result, List) else None
            if macro is None:
                return result
            assert isinstance(result, List)
            result = macro.expand(Call(result, self))
        raise UserError(
            f"maximum macro expansion depth exceeded: '{form.head}' still expands to a macro "
            f"call after {MAX_EXPANSIONS} expansions",
            span=form.span,
        )

    def define_struct(self, struct: Struct, form: List) -> None:
        """Register the accessors of ``struct``."""
        self.structs[struct.name] = struct
        self.macros.update({made.name: made for made in accessors(struct)})

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
        """The name of the global that holds ``text``; equal texts share one."""
        self.needed.add("printf")
        name = self._globals.get(text.value)
        if name is None:
            name = self._globals[text.value] = f"_print_str_{self.names.strings}"
            self.names.strings += 1
            self.strings[text.value] = global_string(name, text)
        return name

    def next_print(self) -> int:
        """A number for the temporary of one more print."""
        self._prints += 1
        return self._prints - 1


def expand(values: list[Value], *, names: Names | None = None) -> list[Value]:
    """The top-level forms ``values`` of one file, expanded; globals of prints come first."""
    expander = Expander(names or Names())
    with deep_recursion():
        forms = [form for value in values for form in expander.top_level(value)]
    return [*expander.strings.values(), *forms]


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Room for the recursion over nested forms, and a plain error where it still does not do."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION))
    try:
        yield
    except RecursionError:
        raise UserError(
            "forms are nested too deeply after macro expansion",
            hint="give inner forms a name with def",
        ) from None
    finally:
        sys.setrecursionlimit(before)
