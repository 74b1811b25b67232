"""The built-in macros. Importing this package fills the table."""

from pharos.lisp.macros import (
    arithmetic,
    conditionals,
    functions,
    later,
    pointers,
    printing,
    structs,
)
from pharos.lisp.macros.table import BUILT_IN, Call, Macro

__all__ = [
    "BUILT_IN",
    "Call",
    "Macro",
    "arithmetic",
    "conditionals",
    "functions",
    "later",
    "pointers",
    "printing",
    "structs",
]
