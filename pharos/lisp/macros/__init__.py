"""The built-in macros. Importing this package fills the table."""

from pharos.lisp.macros import (
    arithmetic,
    assertions,
    conditionals,
    functions,
    pointers,
    prelude,
    printing,
    quasiquote,
    structs,
)
from pharos.lisp.macros.table import BUILT_IN, Call, Macro

__all__ = [
    "BUILT_IN",
    "Call",
    "Macro",
    "arithmetic",
    "assertions",
    "conditionals",
    "functions",
    "pointers",
    "prelude",
    "printing",
    "quasiquote",
    "structs",
]
