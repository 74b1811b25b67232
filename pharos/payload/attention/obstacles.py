"""Why an attention is left as it is written: types and memory that one operation cannot have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pharos.ir.bindings import mlir
from pharos.payload.attention.terms import Term
from pharos.payload.contraction import multiplied
from pharos.payload.maps import element_of

if TYPE_CHECKING:
    from pharos.payload.attention.recognise import Form

_STORED = ("f32", "bf16", "f16")


def obstacle_of(form: Form) -> str:
    """The obstacle in the middle of a sentence; "" when there is none."""
    if not isinstance(form.values.operation.operands[0].type, mlir.RankedTensorType):
        return "it is written on memory, and only operations on tensors become one"
    sources = {"query": form.query, "key": form.key, "value": form.value}
    for what, source in sources.items():
        if source.dtype not in _STORED:
            return f"its {what} is stored as {source.dtype}"
    result = element_of(form.values.outputs[0].type)
    if result not in _STORED:
        return f"its result is stored as {result}"
    for source in (*sources.values(), *(one for _, one in form.extras)):
        if not source.clean and None in [size for d in source.place for _, size in d]:
            return "an operand is reshaped whose sizes are known only at run time"
    return _wide(form)


def _wide(form: Form) -> str:
    """Whether something is computed in more than 32 bits, or not in floats."""
    for node in (form.scores, form.values):
        nest = node.structured
        product = multiplied(nest) if nest is not None else None
        if product is None or product[2] not in _STORED:
            return "its products are not computed in floats of at most 32 bits"
    terms, pending, seen = form.terms, [form.score], set[Term]()
    while pending:
        one = pending.pop()
        if one in seen or one == form.product:
            continue
        seen.add(one)
        kind, *rest = terms.form(one)
        read = kind == "leaf" and element_of(terms.reads[one][0].value.type) == "f64"
        if read or (kind == "apply" and rest[2] == "f64"):
            return "its scores are computed in f64"
        pending += rest[3:] if kind == "apply" else []
    return ""
