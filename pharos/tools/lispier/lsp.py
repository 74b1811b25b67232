"""lispier lsp: the language server."""

from __future__ import annotations

import typer


def lsp() -> None:
    """Serve an editor: the language server protocol on stdio.

    Editors start it by themselves; editors/README.md says how to set them up.

    \b
    Example:
      lispier lsp
    """
    from pharos.tools.lsp import main

    raise typer.Exit(main())
