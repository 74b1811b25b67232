"""The language server of Lispier: ``main`` runs it on stdin and stdout."""

from __future__ import annotations


def main() -> int:
    """Serve the editor that started this process until it says exit; the exit status."""
    from pharos.tools.lsp.server import serve

    return serve()


__all__ = ["main"]
