"""Files on their way into a program: what they require, and their directives (sections 9 to 11).

``load`` and ``load_text`` raise what is wrong. An editor's ``Loader`` has texts of its own and
keeps the mistakes; ``growing`` loads a program line by line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pharos.core.errors import UserError
from pharos.core.files import project_root, text_of
from pharos.core.span import Span
from pharos.lisp.directives import DIRECTIVES, MACRO_FILES, Place, found_in, library_of, path_from
from pharos.lisp.expand import Expander, Names, deep_recursion
from pharos.lisp.expansions import Written
from pharos.lisp.macros import Macro
from pharos.lisp.namespaces import FILES, Namespaces
from pharos.lisp.problems import Problems
from pharos.lisp.program import Program
from pharos.lisp.reader import read
from pharos.lisp.values import List, String, Value

if TYPE_CHECKING:
    from pharos.lisp.macro_engine import MacroEngine

TextOf: TypeAlias = Callable[[str, "Span | None"], str]
"""Gives the text of the file at a path that is required at a place; UserError for none."""


def load(
    path: str | Path, *, engine: MacroEngine | None = None, problems: Problems | None = None
) -> Program:
    """The program whose entry file is ``path``, with every file it requires.

    ``engine`` runs macros that have to be compiled. Raises UserError (ErrorList for several) with
    the place of each mistake; with ``problems`` they are kept there instead.
    """
    program = Program(str(path))
    loader = Loader(program, project_root(Path(path)), engine, problems=problems)
    with program.explaining(), loader.attempt():
        loader.load_file(os.path.normpath(path), None)
    return program


def load_text(
    text: str,
    name: str = "<text>",
    *,
    dialects: Iterable[str] = (),
    engine: MacroEngine | None = None,
    problems: Problems | None = None,
) -> Program:
    """The program in ``text``; the files it requires are looked up from the current folder.

    ``dialects`` are required from the start; ``engine`` and ``problems`` as for ``load``.
    """
    program = Program(name)
    loader = Loader(program, project_root(Path("x")), engine, problems=problems)
    with program.explaining():
        loader.load_source(text, name, "", dialects)
    return program


class Loader:
    """Loads files into ``program``; ``root`` is the project's folder.

    ``engine`` runs macros that have to be compiled, ``text_of`` gives the texts of files. With
    ``problems``, mistakes are kept there, and what has none goes on; without, they are raised.
    """

    def __init__(
        self,
        program: Program,
        root: Path,
        engine: MacroEngine | None = None,
        *,
        text_of: TextOf = text_of,
        problems: Problems | None = None,
    ) -> None:
        self.program = program
        self.root = root
        self.names = Names(
            written=Written(
                engine,
                expansions=program.expansions,
                defined=program.macros,
                failed=program.failed,
            )
        )
        self.problems = problems
        self._text_of = text_of
        # The macros of each file of macros, by its real path.
        self._macro_files: dict[str, dict[str, Macro]] = {}
        self._loaded: set[str] = set()
        # The files that are being loaded, outermost first, by their real paths.
        self._loading: dict[str, str] = {}

    def attempt(self) -> AbstractContextManager[None]:
        """Keeps or raises a mistake in the block, as this loader does."""
        return self.problems.gathered() if self.problems is not None else nullcontext()

    def load_file(self, path: str, span: Span | None) -> None:
        """Load the file at ``path``, which is required at ``span``, unless it is loaded."""
        real = self.program.paths[path] = os.path.realpath(path)
        if real in self._loading:
            chain = " -> ".join([*self._loading.values(), path])
            raise UserError(
                f"circular dependency detected: {path}",
                span=span,
                hint=f"the files require each other: {chain}",
            )
        if real in self._loaded:
            return
        text = self._text_of(path, span)
        self._loading[real] = path
        try:
            self.load_source(text, path, os.path.dirname(path))
        finally:
            del self._loading[real]
        self._loaded.add(real)

    def load_source(self, text: str, name: str, folder: str, dialects: Iterable[str] = ()) -> None:
        """Load ``text``, which errors call ``name``; what it requires is found from ``folder``."""
        namespaces = Namespaces()
        namespaces.dialects.update((dialect, dialect) for dialect in dialects)
        with self.attempt():
            values = read(text, name, namespaces=namespaces)
            self.require(values, folder)
            made = self.file(folder)
            for form in found_in(values, "require-macros"):
                with self.attempt():
                    made.require_macros(form)
            forms = made.expanded(values)
            self.program.forms += [*made.expander.strings.values(), *forms]
            self.program.files.append(name)

    def require(self, values: list[Value], folder: str, *, again: bool = False) -> None:
        """Load the files that ``values`` require; ``again`` also those that are loaded."""
        for form in found_in(values, "require"):
            with self.attempt():
                (files,) = FILES.parse(form, "require")
                for file, _, _ in files:
                    with self.attempt():
                        path = self.path_of(file, folder)
                        if again:
                            self._loaded.discard(os.path.realpath(path))
                        self.load_file(path, file.span)

    def file(self, folder: str) -> SourceFile:
        """A file in ``folder``, with macros and structs of its own."""
        return SourceFile(self, folder)

    def macros_of(self, path: str, span: Span | None) -> dict[str, Macro]:
        """The macros that the file of macros at ``path`` defines."""
        from pharos.lisp.written_macros import macro_file

        real = self.program.paths[path] = os.path.realpath(path)
        if real not in self._macro_files:
            text = self._text_of(path, span)
            libraries = partial(library_of, folder=os.path.dirname(path))
            self._macro_files[real] = macro_file(text, path, self.names.written, libraries)
            self.program.files.append(path)
        return self._macro_files[real]

    def path_of(self, file: String, folder: str) -> str:
        """The path that ``file``, written in a file in ``folder``, means."""
        path = path_from(file)
        if path.startswith("@"):
            return os.path.normpath(self.root / path[1:].lstrip("/"))
        return os.path.normpath(os.path.join(folder, path))


class SourceFile(Place):
    """One file on its way into a program: its expander, and where its paths start."""

    def __init__(self, loader: Loader, folder: str) -> None:
        super().__init__(loader.program, Expander(loader.names), folder)
        self.loader = loader
        self._macros_required: set[str] = set()

    def require_macros(self, form: List) -> None:
        """Take in the macros that ``(require-macros "path"...)`` asks for, once."""
        (files,) = MACRO_FILES.parse(form, "require-macros")
        for file in files:
            path = self.loader.path_of(file, self.folder)
            if path not in self._macros_required:
                self._macros_required.add(path)
                self.expander.macros.update(self.loader.macros_of(path, file.span))

    def expanded(self, values: list[Value]) -> list[Value]:
        """The code that ``values`` become; what they say about the program is taken in."""
        problems = self.loader.problems or Problems()
        forms: list[Value] = []
        for value in values:
            with problems.gathered(), deep_recursion(value.span):
                made = self.expander.top_level(value)
                forms.extend(form for form in made if not self._directive(form))
        if self.loader.problems is None:
            problems.report()
        self.program.needed |= self.expander.needed
        return forms

    def _directive(self, form: Value) -> bool:
        """Whether ``form`` says something about the program rather than being code."""
        if not isinstance(form, List) or form.head not in DIRECTIVES:
            return False
        DIRECTIVES[form.head](self, form)
        return True
