"""Pointers (section 7.6 of the language reference)."""

from __future__ import annotations

from pharos.lisp.grammar import FORM, NUMBER, SYMBOL, TYPE, form, literal, one_of
from pharos.lisp.macros.table import Call, Template, macro, misuse, rule
from pharos.lisp.values import Number, Symbol, Value

rule("null-ptr", {}, "(llvm.mlir.zero {:result !llvm.ptr})")
rule(
    "null?",
    {"pointer": FORM},
    "(llvm.icmp {:predicate 0} ~pointer (llvm.mlir.zero {:result !llvm.ptr}))",
)
rule("ptr-load", {"type": TYPE, "pointer": FORM}, "(llvm.load {:result ~type} ~pointer)")
rule("ptr-store!", {"value": FORM, "pointer": FORM}, "(llvm.store ~value ~pointer)")
# The index that is the least i32 says "taken from the operands".
rule(
    "ptr-at",
    {"type": TYPE, "pointer": FORM, "index": FORM},
    """
    (llvm.getelementptr {:result !llvm.ptr :rawConstantIndices array<i32: -2147483648>
                         :elem_type ~type} ~pointer ~index)
    """,
)

_OFFSET = Template(
    "(llvm.getelementptr {:result ~type :rawConstantIndices ~offset :elem_type i8} ~pointer)"
)
_TYPED_NUMBER = form(literal(SYMBOL, ":"), NUMBER, SYMBOL, what="(: number type)")


@macro("ptr-offset", TYPE, FORM, one_of(NUMBER, _TYPED_NUMBER))
def expand_offset(call: Call, type_: Value, pointer: Value, offset: Number | list[Value]) -> Value:
    """A pointer moved by a literal number of bytes."""
    number = offset if isinstance(offset, Number) else offset[1]
    assert isinstance(number, Number)
    if number.value != int(number.value):
        raise misuse(call, f"expected a whole number of bytes, got {number.value}", number)
    if not -(2**31) < number.value < 2**31:
        raise misuse(call, f"expected an offset that fits i32, got {number.value}", number)
    indices = Symbol(f"array<i32: {int(number.value)}>", number.span)
    return _OFFSET.fill(call.span, type=type_, offset=indices, pointer=pointer)
