"""A program that grows line by line: reading and expanding with what earlier lines declared."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pharos.core.errors import UserError
from pharos.core.files import project_root
from pharos.lisp.expand import deep_recursion
from pharos.lisp.macros import Macro
from pharos.lisp.namespaces import FILES, Namespaces
from pharos.lisp.problems import Problems
from pharos.lisp.program import Program, _File, _Loader, _requires
from pharos.lisp.reader import read
from pharos.lisp.values import Value
from pharos.toolchain import macro_engine

# Required from the start.
DIALECTS = (
    "affine", "arith", "bufferization", "cf", "complex", "func", "gpu", "index", "linalg", "llvm",
    "math", "memref", "scf", "tensor", "ub", "vector",
)  # fmt: skip


class Growing:
    """The namespaces, macros and directives of the lines so far."""

    def __init__(self) -> None:
        self.program = Program("<repl>")
        self.namespaces = Namespaces()
        self.namespaces.dialects.update({name: name for name in DIALECTS})
        self._loader = _Loader(self.program, project_root(Path("x")), macro_engine())
        self._file = _File(self._loader, "<repl>", "")
        self._strings: set[str] = set()

    def take(self, text: str, name: str, *, folder: str = "") -> list[Value]:
        """The expanded forms of ``text``, those of the files that it requires first.

        ``folder`` is where those files are. Raises UserError or ErrorList with the places of what
        is wrong.
        """
        self._file.folder = folder
        self.program.forms = []
        with deep_recursion():
            values = read(text, name, namespaces=self.namespaces)
            for form in _requires(values):
                (files,) = FILES.parse(form, "require")
                for file, _, _ in files:
                    path = self._loader._path_of(file, self._file.folder)
                    # Required again, a file is read again: it may have changed.
                    self._loader.loaded.discard(os.path.realpath(path))
                    self._loader.load_file(path, file.span)
            forms = self._expanded(values)
        return [*self.program.forms, *self._new_strings(), *forms]

    @property
    def macros(self) -> Mapping[str, Macro]:
        """The macros in force, by name."""
        return self._file.expander.macros

    @property
    def dialects(self) -> Sequence[str]:
        """The dialects whose operations are known."""
        return sorted(set(self.namespaces.dialects.values()))

    def full_name(self, text: str) -> str:
        """The name that ``text`` stands for: ``arith.addi`` for ``a/addi``."""
        try:
            return self.namespaces.resolve(text, None)
        except UserError:  # of no dialect that is known
            return text

    def _expanded(self, values: list[Value]) -> list[Value]:
        problems = Problems()
        forms: list[Value] = []
        for value in values:
            with problems.gathered():
                expanded = self._file.expander.top_level(value)
                forms.extend(form for form in expanded if not self._file.directive(form))
        problems.report()
        self.program.needed |= self._file.expander.needed
        return forms

    def _new_strings(self) -> list[Value]:
        """The globals of printed strings that no earlier line printed."""
        strings = self._file.expander.strings
        new = [made for text, made in strings.items() if text not in self._strings]
        self._strings.update(strings)
        return new
