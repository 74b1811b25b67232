"""Level 1 of the suite at its tiny sizes on every simulated device, beside eager PyTorch."""

import pytest
import torch

from pharos.ingress.torch import import_model
from pharos.kernelbench.suite import load, problems
from pharos.toolchain import compile
from pharos.toolchain.front_ends import torch_payload
from pharos.toolchain.records import Request
from pharos.toolchain.torch_function import TorchFunction

TARGETS = ("nvidia:sim", "amd:sim", "amd:gfx942:sim", "xegpu:sim")
NUMBERS = [spec.number for spec in problems() if spec.level == 1]


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("number", NUMBERS)
def test_level_1(number, target):
    problem = load(f"level1/{number}", tiny=True)
    torch.manual_seed(number)
    model, inputs = problem.make().eval(), problem.get_inputs()
    imported = import_model(model, inputs)
    artifact = compile(torch_payload(imported), Request(target=target))
    bound = TorchFunction(imported, artifact).bind(*inputs, poison=True)
    bound()
    with torch.no_grad():
        expected = model(*inputs)
    torch.testing.assert_close(bound.finish(), expected, rtol=2e-4, atol=2e-4)
