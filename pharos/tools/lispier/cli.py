"""The entry point ``lispier``.

``lispier run FILE`` starts at once. Every other command line, and whatever looks unusual, is read
by typer, whose import takes longer than a small program runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from pharos.tools.entry import enter


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line ``arguments`` (default: the process's) and exit."""
    enter(_command, "lispier", sys.argv[1:] if arguments is None else arguments)


def _command(arguments: Sequence[str], **names: Any) -> None:
    plain = plain_run(arguments)
    if plain is None:
        from pharos.tools.lispier.commands import app

        app(arguments, **names)
    else:
        from pharos.toolchain import Request
        from pharos.tools.lispier.running import run_file

        run_file(*plain, Request())


def plain_run(arguments: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """The file and the program's arguments of ``run FILE ARG...``; None for all else.

    Options stand before the file, so that whatever follows it is the program's.
    """
    if len(arguments) < 2 or arguments[0] != "run" or arguments[1][:1] in ("", "-"):
        return None
    return arguments[1], tuple(arguments[2:])
