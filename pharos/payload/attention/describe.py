"""An attention as facts: sizes, types, the kind of its mask."""

from __future__ import annotations

from pharos.payload.attention.recognise import Form
from pharos.payload.attention.terms import Term
from pharos.payload.facts import Attention, Motif
from pharos.payload.maps import element_of, product


def facts_of(form: Form, members: tuple[Motif, ...]) -> Attention:
    """The motif that ``form`` is; ``members`` are those that it is made of."""
    sizes, value = form.sizes, form.values.outputs[0]
    batch = [s for s in sizes if s not in ("m", "n", "k", "v")]
    own = set(form.key.symbols) | set(form.value.symbols)
    return Attention(
        operation=form.values.operation,
        batch=product(sizes[s] for s in batch),
        queries=sizes["m"],
        keys=sizes["n"],
        depth=sizes["k"],
        value_depth=sizes["v"],
        mask=mask_of(form),
        dtype=element_of(value.type),
        stored=(form.query.dtype, form.key.dtype, form.value.dtype),
        extras=tuple(source.dtype for _, source in form.extras),
        shared=product(sizes[s] for s in batch if s not in own),
        obstacle=form.obstacle,
        members=members,
    )


def mask_of(form: Form) -> str:
    """How the scores are masked: "causal" (by places), "select", "additive" or "none"."""
    seen: set[Term] = set()
    pending = [form.score]
    places = compares = selects = adds = False
    while pending:
        one = pending.pop()
        if one in seen:
            continue
        seen.add(one)
        kind, *rest = form.terms.form(one)
        places |= kind == "place"
        if kind == "apply":
            compares |= rest[0] == "arith.cmpi"
            selects |= rest[0] == "arith.select"
            adds |= rest[0] in ("arith.addf", "arith.subf")
            pending += rest[3:]
    if places and compares:
        return "causal"
    return "select" if selects else "additive" if adds else "none"
