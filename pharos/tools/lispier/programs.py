"""Programs that commands are given: files, and "-" for standard input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pharos.core.errors import UserError
from pharos.core.files import text_of

if TYPE_CHECKING:
    from pharos.lisp.problems import Problems
    from pharos.lisp.program import Program
    from pharos.toolchain import Payload

STDIN = "-"
STDIN_NAME = "<stdin>"


def read_text(file: str) -> str:
    """The text of ``file``. UserError for one that cannot be read."""
    if file != STDIN:
        return text_of(file, None)
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{STDIN_NAME}: expected UTF-8 text, got byte {error.object[error.start]:#04x} at "
            f"offset {error.start}"
        ) from None


def name_of(file: str) -> str:
    """What errors call ``file``."""
    return STDIN_NAME if file == STDIN else file


def load(file: str, problems: Problems | None = None) -> Program:
    """The program in ``file`` with the files it requires, expanded.

    Mistakes are raised, or kept in ``problems``.
    """
    from pharos import lisp, toolchain

    engine = toolchain.macro_engine()
    if file != STDIN:
        return lisp.load(file, engine=engine, problems=problems)
    return lisp.load_text(read_text(file), STDIN_NAME, engine=engine, problems=problems)


def payload(program: Program) -> Payload:
    """``program`` for the toolchain."""
    from pharos import toolchain

    return toolchain.of_program(program)
