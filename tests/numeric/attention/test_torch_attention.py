"""What torch-mlir makes of scaled_dot_product_attention and of attention by hand, fused and run."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from attention_cases import fused

from pharos.toolchain import Request, build, load
from pharos.toolchain.front_ends import torch_payload

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.reference
F = torch.nn.functional
SLOW = pytest.mark.slow


def heads(*shape, dtype=None):
    return torch.randn(*shape).to(dtype or torch.float32)


def by_hand(q, k, v, slopes):
    """ALiBi, causal, with a large number for minus infinity."""
    behind = torch.arange(k.shape[-2])[None, :] - torch.arange(q.shape[-2])[:, None]
    scores = q @ k.transpose(-1, -2) / 8.0 + slopes[:, None, None] * behind
    scores = scores.masked_fill(behind > 0, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, dim=-1) @ v


def sliding(q, k, v):
    behind = torch.arange(q.shape[-2])[:, None] - torch.arange(k.shape[-2])[None, :]
    seen = (behind >= 0) & (behind < 5)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen)


def plain(q, k, v):
    return F.scaled_dot_product_attention(q, k, v)


def masked(q, k, v, mask):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def shared(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, enable_gqa=True, scale=0.3, is_causal=True)


def of_rows(x, w):
    """Heads cut from one product's rows, as GPT-2 has them."""
    q, k, v = ((x @ w).view(2, 9, 3, 4, 8).permute(2, 0, 3, 1, 4)[n] for n in range(3))
    scores = (q @ k.transpose(-1, -2)) * 0.35
    scores = scores.masked_fill(torch.ones(9, 9).tril() == 0, float("-inf"))
    return (torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(2, 9, 32)


BOOLEAN = torch.rand(6, 7, generator=torch.Generator().manual_seed(1)) < 0.5
BOOLEAN[2] = False
BF16 = torch.bfloat16
CASES = {
    "boolean": (masked, lambda: (heads(2, 4, 6, 8), heads(2, 4, 7, 8), heads(2, 4, 7, 8), BOOLEAN)),
    "plain": (plain, lambda: (heads(2, 4, 6, 8), heads(2, 4, 7, 8), heads(2, 4, 7, 16))),
    "one query": (plain, lambda: (heads(2, 4, 1, 8), heads(2, 4, 7, 8), heads(2, 4, 7, 8))),
    "one head": (plain, lambda: (heads(1, 1, 6, 8), heads(1, 1, 7, 8), heads(1, 1, 7, 8))),
    "bf16": (plain, lambda: tuple(heads(1, 2, n, 32, dtype=BF16) for n in (6, 7, 7))),
    "additive": (
        masked,
        lambda: (heads(2, 4, 6, 8), heads(2, 4, 7, 8), heads(2, 4, 7, 8), heads(2, 1, 6, 7)),
    ),
    "shared keys": (shared, lambda: (heads(2, 6, 5, 8), heads(2, 2, 5, 8), heads(2, 2, 5, 8))),
    "window": (sliding, lambda: tuple(heads(1, 2, 20, 8) for _ in range(3))),
    "alibi": (by_hand, lambda: (*(heads(1, 4, 9, 64) for _ in range(3)), torch.rand(4))),
    "of rows": (of_rows, lambda: (heads(2, 9, 32), heads(32, 96))),
}


class Model(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *values):
        return self.function(*values)


def array(tensor):
    if tensor.dtype == BF16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == "boolean" else SLOW) for n in CASES]
)
def test_torchs_attention_is_fused_and_right(name):
    from pharos.ingress.torch import import_model

    function, make = CASES[name]
    torch.manual_seed(0)
    inputs = make()
    payload = torch_payload(import_model(Model(function), inputs, name=name))
    request = Request(target="cpu")
    assert fused(payload, request)
    wide = [one.double() if one.is_floating_point() else one for one in inputs]
    expected = function(*wide).numpy()
    found = np.zeros(expected.shape, array(inputs[0]).dtype)
    artifact = build(payload, request).artifact
    load(artifact).call(artifact.entries[0].name, *map(array, inputs), found)
    bound = 0.02 if found.dtype != np.float32 else 1e-5
    scale = max(1.0, np.abs(expected).max())
    assert np.abs(found.astype(np.float64) - expected).max() <= bound * scale
