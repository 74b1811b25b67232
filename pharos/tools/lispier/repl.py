"""lispier repl: the prompt."""

from __future__ import annotations

from typing import Annotated

import typer


def repl(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE", help="Programs to load first.")
    ] = None,
) -> None:
    """Type forms and see their values.

    Definitions stay; a line that goes wrong is undone. :help lists its commands, :quit leaves.

    \b
    Example:
      lispier repl definitions.lisp
    """
    from pharos.tools.repl import main

    raise typer.Exit(main(files or ()))
