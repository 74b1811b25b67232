"""Programs: all their files read and expanded, as data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pharos.core.errors import ErrorList, UserError
from pharos.core.span import Span
from pharos.lisp.compilation import CompilationBlock
from pharos.lisp.expansions import Expansion, explained
from pharos.lisp.functions import Function, all_functions, referenced
from pharos.lisp.macros import Macro
from pharos.lisp.values import Value


@dataclass(frozen=True)
class Library:
    """A library that a program links: C's (``c``, ``m``), or the file at ``name``."""

    name: str
    is_file: bool
    span: Span | None


@dataclass
class Program:
    """All files of a program, read and expanded.

    ``forms`` are in load order: what a file requires comes before its own. ``compilation`` holds
    the blocks of all files in the same order. ``needed`` are C functions that expansions of
    built-in macros call and that the program need not declare. ``expansions`` are the uses of
    macros written in Lispier, ``macros`` those that it defines itself. ``failed`` are the names
    that forms with mistakes would have defined. ``files`` includes the files of macros; ``paths``
    are the real paths behind all names of files that were asked for.
    """

    name: str
    forms: list[Value] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)
    libraries: list[Library] = field(default_factory=list)
    compilation: list[CompilationBlock] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)
    expansions: list[Expansion] = field(default_factory=list)
    macros: dict[str, Macro] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def externs(self) -> list[Function]:
        """The functions that are declared, used, and defined nowhere in the program, by name.

        Whoever runs the program must provide them, besides ``needed``.
        """
        functions = list(all_functions(self.forms))
        defined = {function.name for function in functions if function.defined}
        used = referenced(self.forms) - defined
        return [function for function in functions if function.name in used]

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Errors of the block are raised as ``explained`` has them."""
        try:
            yield
        except UserError as error:
            raise self.explained(error) from None

    def explained(self, error: UserError) -> UserError:
        """``error``, with notes on the macros in whose expansion it is.

        One about a library has the place that links the library.
        """
        for one in error.errors if isinstance(error, ErrorList) else [error]:
            about = (x for x in self.libraries if x.is_file and f"'{x.name}'" in one.message)
            library = next(about, None)
            if one.span is None and library is not None:
                one.span = library.span
        return explained(error, self.expansions)
