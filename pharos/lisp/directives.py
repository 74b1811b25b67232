"""Forms that say something about a program rather than being code of it (sections 9 to 11)."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable

from pharos.core.errors import UserError, nearest
from pharos.lisp.compilation import parse_compilation
from pharos.lisp.expand import Expander
from pharos.lisp.grammar import KEYWORD, STRING, Grammar, one_of, some
from pharos.lisp.program import Library, Program
from pharos.lisp.values import Keyword, List, String, Value, describe


class Place(ABC):
    """Where a directive stands: in a file of ``program`` that lies in ``folder``."""

    def __init__(self, program: Program, expander: Expander, folder: str) -> None:
        self.program = program
        self.expander = expander
        self.folder = folder

    @abstractmethod
    def require_macros(self, form: List) -> None:
        """Take in the macros that ``(require-macros "path"...)`` asks for, once."""


def found_in(values: list[Value], head: str) -> list[List]:
    """The forms of a file with that head, those inside ``module`` and ``do`` too."""
    found: list[List] = []
    for value in values:
        if isinstance(value, List):
            if value.head == head:
                found.append(value)
            elif value.head in ("module", "do"):
                found += found_in(value.items[1:], head)
    return found


def path_from(file: String) -> str:
    """The path that ``file`` writes; UserError when it is none."""
    if "\0" in file.value or not file.value:
        raise UserError(f"expected a path, got {describe(file)}", span=file.span)
    return file.value


MACRO_FILES = Grammar(some("file", STRING))
DIRECTIVES: dict[str, Callable[[Place, List], None]] = {}


def _directive(
    *names: str,
) -> Callable[[Callable[[Place, List], None]], Callable[[Place, List], None]]:
    def register(handler: Callable[[Place, List], None]) -> Callable[[Place, List], None]:
        DIRECTIVES.update(dict.fromkeys(names, handler))
        return handler

    return register


@_directive("require", "require-dialect", "use-dialect")
def _done_by_the_reader(file: Place, form: List) -> None:
    """The reader and the loader have seen to it."""


_LIBRARY = Grammar(one_of(KEYWORD, STRING))
_C_LIBRARIES = {"c": "c", "libc": "c", "m": "m", "libm": "m"}


@_directive("require-macros")
def _require_macros(file: Place, form: List) -> None:
    """``(require-macros "path"...)``: the loader has seen to it, except at a prompt."""
    file.require_macros(form)


@_directive("link-library")
def _link_library(file: Place, form: List) -> None:
    """``(link-library :c)`` or ``(link-library "path/lib.so")``, relative to the file."""
    library = library_of(form, file.folder)
    file.program.libraries.append(library)
    file.expander.names.written.libraries.append(library.name)


def library_of(form: List, folder: str) -> Library:
    """The library that ``(link-library ...)`` in a file in ``folder`` means."""
    library: String | Keyword
    (library,) = _LIBRARY.parse(form, "link-library")
    if isinstance(library, String):
        path = os.path.normpath(os.path.join(folder, path_from(library)))
        # A bare name is for the system's loader to find.
        named = path if "/" in library.value else library.value
        if "/" in library.value and not os.path.exists(path):
            raise UserError(f"library not found: {path}", span=library.span)
        return Library(named, True, library.span)
    if library.name not in _C_LIBRARIES:
        raise UserError(
            f"link-library: unknown library :{library.name}",
            span=library.span,
            hint=f"known: {', '.join(':' + name for name in _C_LIBRARIES)}; "
            'or a path: (link-library "path/lib.so")',
        )
    return Library(_C_LIBRARIES[library.name], False, library.span)


_EXTERN = Grammar(KEYWORD)
_VALUES, _GPT2 = "value-ffi", "gpt2-ffi"


@_directive("extern")
def _extern(file: Place, form: List) -> None:
    """``(extern :value-ffi)``. The value functions are there without it, too."""
    library: Keyword
    (library,) = _EXTERN.parse(form, "extern")
    if library.name == _GPT2:
        raise UserError(
            f"extern library :{library.name} is not supported",
            span=form.span,
            hint="read a checkpoint with fopen and fread instead",
        )
    if library.name != _VALUES:
        raise UserError(
            f"Unknown extern library: {library.name}",
            span=library.span,
            hint=nearest(library.name, (_VALUES,)) or f"known: :{_VALUES}",
        )


@_directive("compilation", "compilation-gpu", "compilation-cpu")
def _compilation(file: Place, form: List) -> None:
    """A compilation block, kept as data."""
    file.program.compilation.append(parse_compilation(form))
