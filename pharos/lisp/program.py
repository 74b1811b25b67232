"""Programs: files, what they require, and their directives (sections 9 to 11)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pharos.core.errors import UserError, nearest
from pharos.core.files import project_root, text_of
from pharos.core.span import Span
from pharos.lisp.compilation import CompilationBlock, parse_compilation
from pharos.lisp.expand import Expander, Names, deep_recursion
from pharos.lisp.expansions import Expansion, Written, explained
from pharos.lisp.functions import Function, all_functions, referenced
from pharos.lisp.grammar import KEYWORD, STRING, Grammar, one_of, some
from pharos.lisp.macros import Macro
from pharos.lisp.namespaces import FILES, Namespaces
from pharos.lisp.problems import Problems
from pharos.lisp.reader import read
from pharos.lisp.values import Keyword, List, String, Value, describe

if TYPE_CHECKING:
    from pharos.lisp.macro_engine import MacroEngine


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
    macros written in Lispier, ``macros`` those that it defines itself. ``files`` includes the
    files of macros; ``paths`` are the real paths behind all names of files that were asked for.
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
        """Errors of the block tell of the macros in whose expansion they are."""
        try:
            yield
        except UserError as error:
            raise explained(error, self.expansions) from None


def load(path: str | Path, *, engine: MacroEngine | None = None) -> Program:
    """The program whose entry file is ``path``, with every file it requires.

    ``engine`` runs macros that have to be compiled. Raises UserError (ErrorList for several) with
    the place of each mistake.
    """
    program = Program(str(path))
    loader = _Loader(program, project_root(Path(path)), engine)
    with program.explaining():
        loader.load_file(os.path.normpath(path), None)
    return program


def load_text(
    text: str,
    name: str = "<text>",
    *,
    dialects: Iterable[str] = (),
    engine: MacroEngine | None = None,
) -> Program:
    """The program in ``text``; the files it requires are looked up from the current folder.

    ``dialects`` are required from the start; ``engine`` as for ``load``.
    """
    program = Program(name)
    loader = _Loader(program, project_root(Path("x")), engine)
    with program.explaining():
        loader.load_source(text, name, "", dialects)
    return program


class _Loader:
    def __init__(self, program: Program, root: Path, engine: MacroEngine | None = None) -> None:
        self.program = program
        self.root = root
        self.names = Names(
            written=Written(engine, expansions=program.expansions, defined=program.macros)
        )
        # The macros of each file of macros, by its real path.
        self.macro_files: dict[str, dict[str, Macro]] = {}
        self.loaded: set[str] = set()
        # The files that are being loaded, outermost first, by their real paths.
        self.loading: dict[str, str] = {}

    def load_file(self, path: str, span: Span | None) -> None:
        real = self.program.paths[path] = os.path.realpath(path)
        if real in self.loading:
            chain = " -> ".join([*self.loading.values(), path])
            raise UserError(
                f"circular dependency detected: {path}",
                span=span,
                hint=f"the files require each other: {chain}",
            )
        if real in self.loaded:
            return
        text = text_of(path, span)
        self.loading[real] = path
        self.load_source(text, path, os.path.dirname(path))
        del self.loading[real]
        self.loaded.add(real)

    def load_source(self, text: str, name: str, folder: str, dialects: Iterable[str] = ()) -> None:
        namespaces = Namespaces()
        namespaces.dialects.update((dialect, dialect) for dialect in dialects)
        values = read(text, name, namespaces=namespaces)
        for form in _requires(values):
            (files,) = FILES.parse(form, "require")
            for file, _, _ in files:
                self.load_file(self._path_of(file, folder), file.span)
        made = _File(self, name, folder)
        for form in _directives(values, "require-macros"):
            made.require_macros(form)
        made.take(values)
        self.program.files.append(name)

    def macros_of(self, path: str, span: Span | None) -> dict[str, Macro]:
        """The macros that the file of macros at ``path`` defines."""
        from pharos.lisp.written_macros import macro_file

        real = self.program.paths[path] = os.path.realpath(path)
        if real not in self.macro_files:
            text = text_of(path, span)
            libraries = partial(_library, folder=os.path.dirname(path))
            self.macro_files[real] = macro_file(text, path, self.names.written, libraries)
            self.program.files.append(path)
        return self.macro_files[real]

    def _path_of(self, file: String, folder: str) -> str:
        _check_path(file)
        if file.value.startswith("@"):
            return os.path.normpath(self.root / file.value[1:].lstrip("/"))
        return os.path.normpath(os.path.join(folder, file.value))


def _requires(values: list[Value]) -> list[List]:
    """The ``require`` forms of a file, those inside ``module`` and ``do`` too."""
    return _directives(values, "require")


def _directives(values: list[Value], head: str) -> list[List]:
    """The forms of a file with that head, those inside ``module`` and ``do`` too."""
    found: list[List] = []
    for value in values:
        if isinstance(value, List):
            if value.head == head:
                found.append(value)
            elif value.head in ("module", "do"):
                found += _directives(value.items[1:], head)
    return found


def _check_path(file: String) -> None:
    if "\0" in file.value or not file.value:
        raise UserError(f"expected a path, got {describe(file)}", span=file.span)


_MACRO_FILES = Grammar(some("file", STRING))


class _File:
    """One file on its way into the program."""

    def __init__(self, loader: _Loader, name: str, folder: str) -> None:
        self.loader = loader
        self.program = loader.program
        self.folder = folder
        self.expander = Expander(loader.names)
        self._macros_required: set[str] = set()

    def require_macros(self, form: List) -> None:
        """Take in the macros that ``(require-macros "path"...)`` asks for, once."""
        (files,) = _MACRO_FILES.parse(form, "require-macros")
        for file in files:
            path = self.loader._path_of(file, self.folder)
            if path not in self._macros_required:
                self._macros_required.add(path)
                self.expander.macros.update(self.loader.macros_of(path, file.span))

    def take(self, values: list[Value]) -> None:
        problems = Problems()
        forms: list[Value] = []
        for value in values:
            with problems.gathered(), deep_recursion(value.span):
                expanded = self.expander.top_level(value)
                forms.extend(form for form in expanded if not self.directive(form))
        problems.report()
        self.program.forms += [*self.expander.strings.values(), *forms]
        self.program.needed |= self.expander.needed

    def directive(self, form: Value) -> bool:
        """Whether ``form`` says something about the program rather than being code."""
        handler = _DIRECTIVES.get(form.head or "") if isinstance(form, List) else None
        if handler is not None:
            handler(self, form)
        return handler is not None


_DIRECTIVES: dict[str, Callable[[_File, Any], None]] = {}


def _directive(*names: str) -> Callable[[Callable[[_File, List], None]], None]:
    def register(handler: Callable[[_File, List], None]) -> None:
        _DIRECTIVES.update(dict.fromkeys(names, handler))

    return register


@_directive("require", "require-dialect", "use-dialect")
def _done_by_the_reader(file: _File, form: List) -> None:
    """The reader and the loader have seen to it."""


_LIBRARY = Grammar(one_of(KEYWORD, STRING))
_C_LIBRARIES = {"c": "c", "libc": "c", "m": "m", "libm": "m"}


@_directive("require-macros")
def _require_macros(file: _File, form: List) -> None:
    """``(require-macros "path"...)``: the loader has seen to it, except at a prompt."""
    file.require_macros(form)


@_directive("link-library")
def _link_library(file: _File, form: List) -> None:
    """``(link-library :c)`` or ``(link-library "path/lib.so")``, relative to the file."""
    library = _library(form, file.folder)
    file.program.libraries.append(library)
    file.expander.names.written.libraries.append(library.name)


def _library(form: List, folder: str) -> Library:
    library: String | Keyword
    (library,) = _LIBRARY.parse(form, "link-library")
    if isinstance(library, String):
        _check_path(library)
        path = os.path.normpath(os.path.join(folder, library.value))
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
def _extern(file: _File, form: List) -> None:
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
def _compilation(file: _File, form: List) -> None:
    """A compilation block, kept as data."""
    file.program.compilation.append(parse_compilation(form))
