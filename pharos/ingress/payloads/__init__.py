"""Payload builders: modules of linalg on tensors, made from sizes and options.

    text = make("matmul", m=512, n=512, k=256, bias=True).text

Every combination of options gives a module that verifies, or is refused with one line that names
the two options that do not go together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from pharos.core.errors import UserError, nearest
from pharos.ingress.payloads.attention import Attention
from pharos.ingress.payloads.conv import Conv
from pharos.ingress.payloads.matmul import Matmul
from pharos.ingress.payloads.mlp import Mlp
from pharos.ingress.payloads.norms import LayerNorm, RmsNorm
from pharos.ingress.payloads.options import Builder, Built
from pharos.ingress.payloads.softmax import Softmax

BUILDERS: Mapping[str, type[Any]] = {
    kind.name: kind for kind in (Matmul, Mlp, Attention, Softmax, LayerNorm, RmsNorm, Conv)
}

__all__ = ["BUILDERS", "Builder", "Built", "make"]


def make(name: str, **options: Any) -> Built:
    """The payload of the builder ``name``.

    Raises UserError for names that there are not, and for options that do not go together.
    """
    if name not in BUILDERS:
        raise UserError(
            f"expected a payload among {', '.join(BUILDERS)}, found '{name}'",
            hint=nearest(name, BUILDERS),
        )
    kind = BUILDERS[name]
    known = {one.name: one for one in fields(kind)}
    for option in options:
        if option not in known:
            raise UserError(
                f"{name} has no option '{option}'; its options: {', '.join(known)}",
                hint=nearest(option, known),
            )
    missing = [n for n, one in known.items() if one.default is MISSING and n not in options]
    if missing:
        raise UserError(f"{name} needs the option '{missing[0]}'")
    built: Built = kind(**options).build()
    return built
