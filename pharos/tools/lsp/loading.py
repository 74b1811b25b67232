"""Loads programs from texts that an editor holds, with all that is wrong in them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pharos.core.files import project_root, text_of
from pharos.core.span import Span
from pharos.lisp.loading import Loader
from pharos.lisp.problems import Problems
from pharos.lisp.program import Program
from pharos.toolchain import macro_engine


def editor_loader(path: str, texts: Mapping[str, str], problems: Problems) -> Loader:
    """A loader for the program at ``path``; files have the text that ``texts`` has for them.

    Mistakes are kept in ``problems``; the forms without one go on.
    """
    held = {os.path.realpath(file): text for file, text in texts.items()}

    def text_at(file: str, span: Span | None) -> str:
        text = held.get(os.path.realpath(file))
        return text_of(file, span) if text is None else text

    root = project_root(Path(path))
    return Loader(Program(path), root, macro_engine(), text_of=text_at, problems=problems)
