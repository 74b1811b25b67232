"""Lowering of a program to MLIR. Importing this package fills the tables of forms."""

from pharos.lisp.lower import branches, calls, forms, linalg
from pharos.lisp.lower.module import lower

__all__ = ["branches", "calls", "forms", "linalg", "lower"]
