"""A program from texts that an editor holds, and all that is wrong in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pharos.core.errors import UserError
from pharos.core.files import project_root, text_of
from pharos.core.span import Span
from pharos.lisp.expand import deep_recursion
from pharos.lisp.namespaces import FILES, Namespaces
from pharos.lisp.problems import Problems
from pharos.lisp.program import (
    Program,
    _directives,
    _File,
    _Loader,
    _requires,
)
from pharos.lisp.reader import read
from pharos.lisp.values import Value
from pharos.toolchain import macro_engine


class Texts(_Loader):
    """Loads programs; the text of a file is the editor's where the editor has one.

    A mistake is kept in ``problems``, and the forms without one go on.
    """

    def __init__(self, path: str, texts: Mapping[str, str]) -> None:
        super().__init__(Program(path), project_root(Path(path)), macro_engine())
        self.problems = Problems()
        self._texts = {os.path.realpath(file): text for file, text in texts.items()}

    def load_file(self, path: str, span: Span | None) -> None:
        """Load the file at ``path``, which was required at ``span``."""
        real = os.path.realpath(path)
        if real in self.loading:
            chain = " -> ".join([*self.loading.values(), path])
            raise UserError(f"circular dependency detected: {chain}", span=span)
        if real not in self.loaded:
            self.loading[real] = path
            text = self._texts.get(real)
            text = text_of(path, span) if text is None else text
            self.load_source(text, path, os.path.dirname(path))
            del self.loading[real]
            self.loaded.add(real)

    def load_source(self, text: str, name: str, folder: str, dialects: Iterable[str] = ()) -> None:
        """Load ``text``, which errors call ``name``."""
        with self.problems.gathered():
            values = read(text, name, namespaces=Namespaces())
            for form in _requires(values):
                with self.problems.gathered():
                    (files,) = FILES.parse(form, "require")
                    for file, _, _ in files:
                        with self.problems.gathered():
                            self.load_file(self._path_of(file, folder), file.span)
            made = _File(self, name, folder)
            for form in _directives(values, "require-macros"):
                with self.problems.gathered():
                    made.require_macros(form)
            self._take(made, values)
            self.program.files.append(name)

    def _take(self, file: _File, values: list[Value]) -> None:
        forms: list[Value] = []
        for value in values:
            with self.problems.gathered(), deep_recursion(value.span):
                expanded = file.expander.top_level(value)
                forms.extend(form for form in expanded if not file.directive(form))
        self.program.forms += [*file.expander.strings.values(), *forms]
        self.program.needed |= file.expander.needed
