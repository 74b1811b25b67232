"""Parameters written on a payload's operations are still there where stages read them."""

from __future__ import annotations

import pytest

from pharos import ir, toolchain
from pharos.core.errors import UserError
from pharos.toolchain import Request

READER = "packed-contractions"


def before(stage: str, payload, **parameters) -> str:
    """The module that ``stage`` gets."""
    labels = toolchain.plan(Request()).labels
    stop = {"stop_after": labels[labels.index(stage) - 1]}
    return ir.to_text(toolchain.lower(payload, Request(parameters=parameters, driving=stop)).module)


CASES = [
    ("matmul", {"m": 40, "n": 48, "k": 56, "bias": True, "activation": "relu"}),
    ("matmul", {"m": 40, "n": 48, "k": 56, "batch": 2, "transpose_b": True}),
    ("conv", {"channels": 8, "features": 16, "size": (12, 12), "window": (3, 3)}),
    ("attention", {"heads": 2, "queries": 16, "depth": 8, "dtype": "f64"}),
]


@pytest.mark.parametrize("form", ["named", "category", "generic"])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_form_keeps_its_parameters(name, options, form):
    if (name, form) == ("conv", "category"):
        return  # there is no such form
    payload = toolchain.builder_payload(name, form=form, **options)
    kind = "convolution" if name == "conv" else "contraction"
    text = before(READER, payload, **{f"{kind}.mr": 3, f"{kind}.kc": 8})
    expected = 2 if name == "attention" else 1
    found = [line for line in text.splitlines() if "pharos.params" in line]
    assert len(found) == expected
    assert all("kc = 8 : i64" in line and "mr = 3 : i64" in line for line in found)
    assert all('"reduction"' in line or "linalg.conv" in line for line in found)


@pytest.mark.parametrize("form", ["named", "category", "generic"])
def test_a_fused_attention_keeps_its_own(form):
    payload = toolchain.builder_payload("attention", form=form, heads=2, queries=16, depth=8)
    text = before("cpu-attention", payload, **{"attention.key_tile": 16})
    (found,) = [line for line in text.splitlines() if "pharos.params" in line]
    assert "key_tile = 16 : i64" in found and "pharos.attention = " in found
    with pytest.raises(UserError) as caught:
        before("cpu-attention", payload, **{"contraction.mr": 3})
    assert "a part of attention-" in str(caught.value.hint)


def test_nothing_is_written_where_nothing_was_chosen():
    payload = toolchain.builder_payload("softmax", shape=(8, 8))
    assert "pharos.params" not in before(READER, payload)
