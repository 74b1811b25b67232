"""Lispier, the Lisp whose forms are MLIR operations: text to a verified MLIR module.

Reading and expanding a program needs no MLIR; ``lower`` loads it.
"""

from __future__ import annotations

from typing import Any

from pharos.lisp.expand import expand
from pharos.lisp.loading import load, load_text
from pharos.lisp.program import Library, Program
from pharos.lisp.reader import read
from pharos.lisp.values import to_text

__all__ = ["Library", "Program", "expand", "load", "load_text", "lower", "read", "to_text"]


def lower(program: Program, context: Any = None) -> Any:
    """The verified MLIR module of ``program``, in ``context`` or in a new one.

    Every operation carries the place of its form. Raises UserError, or ErrorList for several
    mistakes, from the first wrong form to what MLIR's verifier finds.
    """
    from pharos.lisp.lowering.module import lower

    return lower(program, context)
