"""``assert`` of the prelude. Built in, because its message tells its place and its condition."""

from __future__ import annotations

from pharos.lisp.grammar import FORM, STRING, optional
from pharos.lisp.macros.table import Call, Template, macro
from pharos.lisp.values import String, Value, to_text

_ASSERT = Template(
    """
    (scf.if (arith.xori ~condition (: 1 i1))
      (region (block []
        (func.call {:callee @fflush :result i32} (llvm.mlir.zero {:result !llvm.ptr}))
        (llvm.call {:callee @dprintf :vararg (-> [i32 !llvm.ptr ...] [i32]) :result i32}
          (: 2 i32) (c-string "%s\\n") (c-string ~message))
        (func.call {:callee @exit} (: 1 i32))
        (scf.yield))))
    """
)


@macro("assert", FORM, optional(STRING))
def expand_assert(call: Call, condition: Value, text: String | None) -> Value:
    """End the program with status 1, saying where, unless the condition holds."""
    what = text.value if text is not None else to_text(condition)
    place = f"{call.span}: " if call.span is not None else ""
    call.expander.needed.update(("dprintf", "exit", "fflush"))
    return _ASSERT.fill(
        call.span, condition=condition, message=call.string(f"{place}assertion failed: {what}")
    )
