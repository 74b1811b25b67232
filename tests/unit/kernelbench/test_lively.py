"""Networks whose outputs depend on their inputs, without another change to the model."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from pharos.kernelbench.lively import enliven  # noqa: E402

pytestmark = pytest.mark.reference


def deep(*, norm: bool = False) -> nn.Module:
    torch.manual_seed(0)
    steps = []
    for _ in range(12):
        steps += [nn.Conv2d(8, 8, 3, padding=1), *([nn.BatchNorm2d(8)] if norm else []), nn.ReLU()]
    return nn.Sequential(*steps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))


def inputs() -> torch.Tensor:
    return torch.rand(2, 8, 9, 9)


def dependence(model: nn.Module) -> float:
    """How much two inputs' outputs differ, as a part of their size."""
    with torch.no_grad():
        one, other = model(inputs()), model(inputs())
    return float((one - other).square().mean().sqrt() / one.square().mean().sqrt())


@pytest.mark.parametrize("norm", [False, True])
def test_outputs_depend_on_inputs(norm):
    model = deep(norm=norm).eval()
    assert dependence(model) < 1e-3
    enliven(model, [inputs()])
    assert dependence(model) > 1e-2


def test_each_layer_gives_numbers_of_deviation_1():
    model = nn.Sequential(nn.Linear(6, 50), nn.ReLU(), nn.Linear(50, 40))
    x = torch.randn(100, 6)
    enliven(model, [x])
    with torch.no_grad():
        deviations = [float(model[0](x).std()), float(model(x).std())]
    assert deviations == pytest.approx([1, 1], abs=1e-4)


def test_running_statistics_are_those_of_the_data():
    model = nn.Sequential(nn.BatchNorm1d(4))
    x = 3 + 2 * torch.randn(500, 4)
    enliven(model, [x])
    assert torch.allclose(model[0].running_mean, x.mean(0))
    assert torch.allclose(model[0].running_var, x.var(0, correction=0))
    assert int(model[0].num_batches_tracked) == 0


def test_nothing_else_changes():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.calls = nn.Linear(3, 3), torch.zeros(1)

        def forward(self, x):
            self.calls += 1
            return self.layer(x)

    model = nn.Sequential(Counting(), nn.BatchNorm1d(3).eval(), nn.Dropout(0.5))
    enliven(model, [torch.randn(7, 3)])
    assert float(model[0].calls) == 0
    assert [module.training for module in model] == [True, False, True]
    assert not model[0].layer._forward_hooks and not model[1]._forward_pre_hooks


def test_outputs_that_do_not_vary_leave_the_weights():
    model = nn.Sequential(nn.Linear(3, 3, bias=False))
    before = model[0].weight.clone()
    enliven(model, [torch.zeros(2, 3)])
    assert torch.equal(model[0].weight, before)
