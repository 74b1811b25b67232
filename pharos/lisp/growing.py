"""A program that grows text by text, each with what earlier ones declared: for prompts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pharos.core.errors import UserError
from pharos.core.files import project_root
from pharos.lisp.expand import deep_recursion
from pharos.lisp.loading import Loader
from pharos.lisp.macros import Macro
from pharos.lisp.namespaces import Namespaces
from pharos.lisp.program import Program
from pharos.lisp.reader import read
from pharos.lisp.values import Value

if TYPE_CHECKING:
    from pharos.lisp.macro_engine import MacroEngine

# What a prompt requires from the start.
USUAL_DIALECTS = (
    "affine", "arith", "bufferization", "cf", "complex", "func", "gpu", "index", "linalg", "llvm",
    "math", "memref", "scf", "tensor", "ub", "vector",
)  # fmt: skip


class Growing:
    """The namespaces, macros and directives of the texts so far, in ``program``.

    ``dialects`` are required from the start; ``engine`` runs macros that have to be compiled.
    """

    def __init__(
        self, name: str, *, dialects: Iterable[str] = (), engine: MacroEngine | None = None
    ) -> None:
        self.program = Program(name)
        self.namespaces = Namespaces()
        self.namespaces.dialects.update({dialect: dialect for dialect in dialects})
        self._loader = Loader(self.program, project_root(Path("x")), engine)
        self._file = self._loader.file("")
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
            # A file may have changed since it was required before.
            self._loader.require(values, folder, again=True)
            forms = self._file.expanded(values)
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

    def _new_strings(self) -> list[Value]:
        """The globals of printed strings that no earlier text printed."""
        strings = self._file.expander.strings
        new = [made for text, made in strings.items() if text not in self._strings]
        self._strings.update(strings)
        return new
