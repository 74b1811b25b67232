"""Torch models on simulated GPUs: called with tensors, checked against eager."""

import pytest
import torch

from pharos import toolchain
from pharos.ingress.torch import import_model
from pharos.toolchain import Request
from pharos.toolchain.torch_function import TorchFunction


class Layer(torch.nn.Module):
    """A product, a softmax, and a buffer that each call changes."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(24, 10)
        self.register_buffer("calls", torch.zeros(3))

    def forward(self, x):
        self.calls += 1
        return torch.softmax(self.linear(x), -1)


@pytest.mark.parametrize(
    "target",
    [
        "nvidia:sim",
        pytest.param("amd:sim", marks=pytest.mark.slow),
        pytest.param("xegpu:sim", marks=pytest.mark.slow),
    ],
)
def test_a_model_with_weights_and_a_buffer(target):
    torch.manual_seed(0)
    model, x = Layer(), torch.randn(7, 24)
    imported = import_model(model, [x])
    built = toolchain.build(toolchain.torch_payload(imported), Request(target=target), fresh=True)
    function = TorchFunction(imported, built.artifact)
    with torch.no_grad():
        found = function(x.T.contiguous().T)
        torch.testing.assert_close(found, torch.softmax(model.linear(x), -1))
        assert model.calls.tolist() == [1, 1, 1]
        # Weights are read where the model keeps them.
        model.linear.weight.zero_()
        again = torch.softmax(model.linear(x), -1)
        torch.testing.assert_close(function(x), again)
    assert model.calls.tolist() == [2, 2, 2]
