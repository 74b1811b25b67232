"""Lispier, the Lisp whose forms are MLIR operations: text to a verified MLIR module."""

from __future__ import annotations

from pharos.lisp.expand import expand
from pharos.lisp.lower import lower
from pharos.lisp.program import Library, Program, load, load_text
from pharos.lisp.reader import read
from pharos.lisp.values import to_text

__all__ = ["Library", "Program", "expand", "load", "load_text", "lower", "read", "to_text"]
