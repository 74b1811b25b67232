"""The prompt of Lispier: ``main`` runs it."""

from __future__ import annotations

from pharos.tools.repl.start import main

__all__ = ["main"]
