"""The stages around fused attention: made before other operations are fused, put back after it.

select: some target's attention       parameters on the second product of those that it takes
stage: fuse-attention                 those become one operation, in a function of its own
...                                   elementwise operations are fused
stage: attention-in-place             the operation is back where it was
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import MOTIF
from pharos.payload.attention import Form, attentions_of
from pharos.payload.graph import graph_of
from pharos.transform.attention.apart import put_apart, put_back
from pharos.transform.attention.rewrite import fuse


@dataclass(frozen=True)
class FuseAttention:
    """softmax(score(Q K^T)) V  ==>  call @pharos.attention_0, with one ``linalg.generic`` in it

    Those attentions are fused that a selector has spoken for: their second product has parameters
    that are for an attention. ``every`` takes all that can be one operation.
    """

    name: ClassVar[str] = "fuse-attention"
    every: bool = False

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            # All are found before the first is replaced.
            found = [form for form in forms_of(module) if self.every or _spoken_for(form)]
            for number, form in enumerate(found):
                put_apart(fuse(form, module), module, f"pharos.attention_{number}")
        return module


@dataclass(frozen=True)
class AttentionInPlace:
    """call @pharos.attention_0  ==>  the ``linalg.generic`` in it"""

    name: ClassVar[str] = "attention-in-place"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            put_back(module)
        return module


def forms_of(module: Any) -> Iterator[Form]:
    """Every attention of ``module`` that can be one operation, in order."""
    for one in module.body.operations:
        operation = one.operation
        if operation.name != "func.func" or not len(operation.regions[0].blocks):
            continue
        forms, _ = attentions_of(graph_of(operation).nodes)
        yield from (form for form in forms if not form.obstacle)


def _spoken_for(form: Form) -> bool:
    attributes = form.values.operation.attributes
    return MOTIF in attributes and str(attributes[MOTIF].value).startswith("attention")
