"""Motifs of what torch-mlir makes of torch's modules."""

from __future__ import annotations

import pytest

from pharos import ir
from pharos.payload import inspect_payload

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.reference
F = torch.nn.functional


def motifs(function, *inputs):
    from torch_mlir import fx

    class Model(torch.nn.Module):
        def forward(self, *values):
            return function(*values)

    module = fx.export_and_import(Model(), *inputs, output_type="linalg-on-tensors")
    (found,) = inspect_payload(ir.parse(str(module))).functions
    return list(found.motifs)


def kinds(found):
    return [motif.kind for motif in found if motif.kind != "movement"]


def test_an_mlp():
    x, v, w, b = torch.ones(8, 16), torch.ones(32, 16), torch.ones(4, 32), torch.ones(32)
    found = motifs(lambda x, v, w, b: F.linear(F.relu(F.linear(x, v, b)), w), x, v, w, b)
    first, second = (m for m in found if m.kind == "contraction")
    assert (first.m, first.n, first.k) == (8, 32, 16)
    assert (second.m, second.n, second.k) == (8, 4, 32)
    # torch keeps weights as (out, in); the inputs of both layers are as they are.
    assert first.transpose_b and second.transpose_b
    assert not first.transpose_a and not second.transpose_a
    assert [step.name for step in first.epilogue] == ["bias", "relu"]


SLOW = pytest.mark.slow


@pytest.mark.parametrize("axis", [1, pytest.param(0, marks=SLOW), pytest.param(2, marks=SLOW)])
def test_softmax(axis):
    (found,) = motifs(lambda x: torch.softmax(x, axis), torch.ones(3, 4, 5))
    assert (found.kind, found.axis, found.shifted) == ("softmax", axis, True)
    (found,) = motifs(lambda x: torch.log_softmax(x, axis), torch.ones(3, 4, 5))
    assert (found.kind, found.axis, found.logarithm) == ("softmax", axis, True)


@SLOW
def test_norms():
    x, g = torch.ones(4, 6, 8), torch.ones(8)
    found = motifs(lambda x, g: F.layer_norm(x, (8,), g, g), x, g)
    assert kinds(found) == ["norm", "elementwise"] and found[0].form == "layer"
    assert found[0].axes == (2,)
    found = motifs(lambda x: F.layer_norm(x, (6, 8)), x)
    assert kinds(found) == ["norm"] and found[0].axes == (1, 2)
    found = motifs(lambda x, g: F.rms_norm(x, (8,), g), x, g)
    assert found[0].kind == "norm" and found[0].form == "rms"
    found = motifs(lambda x: x / x.norm(dim=1, keepdim=True), x)
    assert [m.form for m in found if m.kind == "norm"] == ["l2"]
    found = motifs(lambda x: x / x.abs().sum(dim=1, keepdim=True), x)
    assert [m.form for m in found if m.kind == "norm"] == ["l1"]
    found = motifs(lambda x: F.group_norm(x, 3), torch.ones(2, 6, 4, 4))
    assert [m.form for m in found if m.kind == "norm"] == ["layer"]


@pytest.mark.parametrize("causal", [pytest.param(False, marks=SLOW), True])
def test_attention(causal):
    q, k = torch.ones(1, 2, 6, 4), torch.ones(1, 2, 7, 4)
    found = motifs(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal), q, k, k
    )
    (attention,) = (m for m in found if m.kind == "attention")
    assert (attention.batch, attention.queries, attention.keys) == (2, 6, 7)
    assert (attention.depth, attention.value_depth) == (4, 4)
    assert attention.mask == ("causal" if causal else "none")
    assert kinds(attention.parts()).count("contraction") == 2


@SLOW
def test_attention_by_hand_with_an_additive_mask():
    q, mask = torch.ones(2, 3, 8, 4), torch.ones(8, 8)
    found = motifs(
        lambda q, k, v, m: torch.softmax(q @ k.transpose(-1, -2) * 0.5 + m, -1) @ v, q, q, q, mask
    )
    (attention,) = (m for m in found if m.kind == "attention")
    assert attention.mask == "additive"
    scores = attention.parts()[0]
    assert [step.name for step in scores.epilogue] == ["scale", "bias"]
    assert scores.transpose_b  # k is kept as (keys, depth)


@SLOW
def test_scans_reductions_and_pooling():
    x = torch.ones(4, 8)
    (scan,) = (m for m in motifs(lambda x: x.cumsum(1), x) if m.kind == "scan")
    assert (scan.combiner, scan.axis, scan.inclusive) == ("sum", 1, True)
    assert motifs(lambda x: x.argmax(1), x)[0].combiner == "argmax"
    image = torch.ones(1, 2, 8, 8)
    found = motifs(lambda x: F.max_pool2d(x, 3, 2), image)
    assert [m.window for m in found if m.kind == "pooling"] == [(3, 3)]


@SLOW
def test_convolutions():
    image = torch.ones(2, 6, 9, 9)
    found = motifs(
        lambda x, w, b: F.relu(F.conv2d(x, w, b, stride=2)), image, torch.ones(4, 6, 3, 3),
        torch.ones(4),
    )  # fmt: skip
    (one,) = (m for m in found if m.kind == "convolution")
    assert (one.features, one.channels, one.strides, one.initial) == (4, 6, (2, 2), "bias")
    assert [step.name for step in one.epilogue] == ["relu"]
    found = motifs(lambda x, w: F.conv2d(x, w, groups=6), image, torch.ones(6, 1, 3, 3))
    (one,) = (m for m in found if m.kind == "convolution")
    assert one.depthwise and one.groups == 6
    found = motifs(lambda x, w: F.conv2d(x, w, groups=2), image, torch.ones(4, 3, 3, 3))
    (one,) = (m for m in found if m.kind == "convolution")
    assert (one.groups, one.channels, one.features) == (2, 3, 2)
    found = motifs(lambda x, w: F.conv1d(x, w), torch.ones(2, 3, 9), torch.ones(4, 3, 3))
    assert [m.window for m in found if m.kind == "convolution"] == [(3,)]
