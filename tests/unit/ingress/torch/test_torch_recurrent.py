"""Recurrent layers come in as loops: the code does not grow with the length."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from pharos.ingress.torch import import_model  # noqa: E402
from pharos.ingress.torch.decompositions import decompositions, own_while_tracing  # noqa: E402

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("ignore")]

RECURRENT = (torch.ops.aten.lstm.input, torch.ops.aten.gru.input)


def arguments(layer, length=3, batch=2):
    """x, and the first states as the layer takes them."""
    shape = (batch, length) if layer.batch_first else (length, batch)
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    widths = [layer.hidden_size] * (2 if isinstance(layer, nn.LSTM) else 1)
    if layer.proj_size:
        widths[0] = layer.proj_size
    states = tuple(torch.randn(rows, batch, width) for width in widths)
    x = torch.randn(*shape, layer.input_size)
    return x, states if len(states) > 1 else states[0]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_layers": 3, "bidirectional": True},
        {"bias": False, "batch_first": True},
        {"num_layers": 2, "dropout": 0.5},
    ],
    ids=["plain", "deep", "bare", "dropout"],
)
def test_the_operators_compute_what_the_layer_does(kind, options):
    layer = kind(5, 4, **options).eval()
    given = arguments(layer)
    with torch.no_grad():
        program = torch.export.export(layer, given, strict=False)
        program = program.run_decompositions(decompositions())
        names = [str(node.target) for node in program.graph.nodes]
        assert any(name.startswith("pharos.") for name in names)
        torch.testing.assert_close(program.module()(*given), layer(*given))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_the_code_does_not_grow_with_the_length(kind):
    layer = kind(5, 4).eval()
    short, long = (import_model(layer, arguments(layer, length)).text for length in (7, 700))
    assert short.count("scf.for") == 1
    assert len(long) - len(short) < 0.05 * len(short)


def test_projections_are_unrolled():
    layer = nn.LSTM(5, 4, proj_size=3).eval()
    text = import_model(layer, arguments(layer)).text
    assert "scf.for" not in text and text.count("linalg.matmul") >= 6


def test_torchs_own_decompositions_stay():
    before = [dict(operator.py_kernels) for operator in RECURRENT]
    with own_while_tracing():
        assert [dict(operator.py_kernels) for operator in RECURRENT] != before
    assert [dict(operator.py_kernels) for operator in RECURRENT] == before
