"""``print println print-i64`` (section 7.7 of the language reference)."""

from __future__ import annotations

from pharos.lisp.grammar import FORM, STRING, many, optional
from pharos.lisp.macros.table import Call, Template, macro, misuse, rule
from pharos.lisp.values import String, Symbol, Value

_PRINT = Template(
    """
    (let [~pointer (llvm.mlir.addressof {:global_name ~global :result !llvm.ptr})]
      (llvm.call {:callee @printf :var_callee_type !llvm.func<i32 (ptr, ...)> :result i32
                  :op_bundle_sizes "array<i32>"} ~pointer ~@values))
    """
)
_GLOBAL = Template(
    """
    (llvm.mlir.global {:sym_name ~name :linkage "#llvm.linkage<internal>"
                       :global_type ~type :constant true}
      (region (block [] (def _str_val (llvm.mlir.constant {:value ~text :result ~type}))
                        (llvm.return _str_val))))
    """
)


def _printed(call: Call, text: String, suffix: str, values: list[Value]) -> Value:
    string = String(text.value + suffix, text.span)
    name = call.expander.print_string(string)
    return _PRINT.fill(
        call.span,
        pointer=call.symbol(f"_print_ptr_{call.expander.next_print()}"),
        **{"global": call.symbol(f"@{name}")},
        values=values,
    )


def global_string(name: str, text: String) -> Value:
    """The global that holds ``text`` and a final NUL."""
    length = len(text.value.encode()) + 1
    type_ = f"!llvm.array<{length} x i8>"
    return _GLOBAL.fill(
        text.span,
        name=String(name, text.span),
        type=Symbol(type_, text.span),
        text=String(text.value + "\0", text.span),
    )


@macro("print", STRING, many("values"))
def expand_print(call: Call, text: String, values: list[Value]) -> Value:
    """C's printf."""
    return _printed(call, text, "", values)


@macro("println", optional(STRING), many("values"))
def expand_println(call: Call, text: String | None, values: list[Value]) -> Value:
    """C's printf with a newline after it."""
    if text is None and values:
        raise misuse(call, "expected a format string", values[0], hint='write (println "%ld" x)')
    return _printed(call, text or call.string(""), "\n", values)


rule("print-i64", {"value": FORM}, '(print "%ld" ~value)')
