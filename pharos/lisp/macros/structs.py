"""``defstruct``, its accessors, and ``new`` (section 7.8 of the language reference)."""

from __future__ import annotations

from dataclasses import dataclass

from pharos.core.errors import UserError
from pharos.lisp.grammar import FORM, SYMBOL, Grammar, many, some, vector
from pharos.lisp.macros.table import Call, Macro, Template, macro
from pharos.lisp.values import List, Number, Symbol, Value

DEFSTRUCT = Grammar(SYMBOL, some("fields", vector(SYMBOL, SYMBOL, what="a field [name type]")))


@dataclass(frozen=True)
class Struct:
    """A struct: its name, and its fields' names and types in order."""

    name: str
    fields: tuple[tuple[str, str], ...]

    @property
    def type(self) -> str:
        """The LLVM struct type as text."""
        return f"!llvm.struct<({', '.join(type_ for _, type_ in self.fields)})>"


def parse_struct(form: List) -> Struct:
    """The struct that a ``(defstruct Name [field type] ...)`` defines."""
    name, fields = DEFSTRUCT.parse(form, "defstruct")
    seen: set[str] = set()
    for field, _ in fields:
        if field.text in seen:
            raise UserError(f"defstruct: field '{field.text}' is defined twice", span=field.span)
        seen.add(field.text)
    return Struct(name.text, tuple((field.text, type_.text) for field, type_ in fields))


_FIELD = (
    "(llvm.getelementptr {:elem_type ~struct :rawConstantIndices ~indices :result !llvm.ptr} ~p)"
)
_GET = Template(f"(llvm.load {{:elem_type ~type :result ~type}} {_FIELD})")
_SET = Template(f"(llvm.store ~value {_FIELD})")


def accessors(struct: Struct) -> list[Macro]:
    """The macros ``Name/field`` and ``Name/field!`` of every field."""
    return [
        made
        for index, (field, type_) in enumerate(struct.fields)
        for made in _field_macros(struct, index, field, type_)
    ]


def _field_macros(struct: Struct, index: int, field: str, type_: str) -> list[Macro]:
    indices = f"array<i32: 0, {index}>"

    def get(call: Call, pointer: Value) -> Value:
        return _GET.fill(
            call.span,
            type=call.symbol(type_),
            struct=call.symbol(struct.type),
            indices=call.symbol(indices),
            p=pointer,
        )

    def put(call: Call, pointer: Value, value: Value) -> Value:
        return _SET.fill(
            call.span,
            value=value,
            struct=call.symbol(struct.type),
            indices=call.symbol(indices),
            p=pointer,
        )

    name = f"{struct.name}/{field}"
    return [Macro(name, Grammar(FORM), get), Macro(f"{name}!", Grammar(FORM, FORM), put)]


_NEW = Template("(func.call {:callee @malloc :result !llvm.ptr} ~size)")
_KNOWN_SIZE = Template("(: ~bytes i64)")
# Where the element after the first would start: the size that the target itself computes.
_ASKED_SIZE = Template(
    """
    (llvm.ptrtoint {:result i64}
      (llvm.getelementptr {:elem_type ~struct :rawConstantIndices array<i32: 1>
                           :result !llvm.ptr} (llvm.mlir.zero {:result !llvm.ptr})))
    """
)
# Bytes of the types that are as wide as they are aligned on every target here.
_BYTES = {
    "i1": 1, "i8": 1, "i16": 2, "f16": 2, "bf16": 2, "i32": 4, "f32": 4,
    "i64": 8, "f64": 8, "!llvm.ptr": 8, "ptr": 8,
}  # fmt: skip


def size(struct: Struct) -> int | None:
    """The bytes of ``struct`` with its padding; None when a field is of another kind."""
    end, widest = 0, 1
    for _, type_ in struct.fields:
        width = _BYTES.get(type_)
        if width is None:
            return None
        end = -(-end // width) * width + width
        widest = max(widest, width)
    return -(-end // widest) * widest


@macro("new", SYMBOL, many("ignored"))
def expand_new(call: Call, name: Symbol, _ignored: list[Value]) -> Value:
    """Memory for one struct, not initialised."""
    struct = call.expander.struct(name, call)
    call.expander.needed.add("malloc")
    known = size(struct)
    if known is None:
        return _NEW.fill(
            call.span, size=_ASKED_SIZE.fill(call.span, struct=call.symbol(struct.type))
        )
    return _NEW.fill(call.span, size=_KNOWN_SIZE.fill(call.span, bytes=Number(known, call.span)))
