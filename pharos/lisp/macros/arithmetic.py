"""Arithmetic and comparison on two operands (section 7.4 of the language reference)."""

from __future__ import annotations

from pharos.lisp.grammar import FORM
from pharos.lisp.macros.table import rule

_OPERATIONS = {
    "+i": "addi",
    "-i": "subi",
    "*i": "muli",
    "/i": "divsi",
    "/ui": "divui",
    "+f": "addf",
    "-f": "subf",
    "*f": "mulf",
    "/f": "divf",
}
_PREDICATES = {"<=i": "sle", "<i": "slt", ">=i": "sge", ">i": "sgt", "=i": "eq", "!=i": "ne"}

for _name, _operation in _OPERATIONS.items():
    rule(_name, {"a": FORM, "b": FORM}, f"(arith.{_operation} ~a ~b)")
for _name, _predicate in _PREDICATES.items():
    rule(_name, {"a": FORM, "b": FORM}, f'(arith.cmpi {{:predicate "{_predicate}"}} ~a ~b)')
