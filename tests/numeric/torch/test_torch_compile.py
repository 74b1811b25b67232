"""torch.compile(model, backend="pharos") computes what eager computes, or refuses."""

import copy
import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from pharos.core import settings  # noqa: E402
from pharos.toolchain import torch_backend  # noqa: E402


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def builds(monkeypatch, tmp_path):
    """A list that gets True for each graph that was compiled, False for each from the cache."""
    done = []
    real = torch_backend.build

    def counting(payload, request):
        built = real(payload, request)
        done.append(not built.cached)
        return built

    monkeypatch.setattr(torch_backend, "build", counting)
    with settings.scope(CACHE=tmp_path):
        yield done


def compiled(function, **options):
    return torch.compile(function, backend="pharos", **options)


def test_the_backend_is_found_by_its_name():
    assert "pharos" in torch._dynamo.list_backends()


def test_inputs_with_any_strides(builds):
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh())
    ours = compiled(model)
    with torch.no_grad():
        for x in (
            torch.randn(6, 4).t(),
            torch.randn(1, 6).expand(4, 6),
            torch.randn(0, 6),
        ):
            torch.testing.assert_close(ours(x), model(x))


def test_outputs_have_eagers_strides_and_share_what_eagers_share():
    def function(x):
        return x, x.t(), x[1:], (x + 1).t(), (x * 2).unsqueeze(1).expand(3, 5, 4), x > 0

    x = torch.randn(3, 4)
    got, want = compiled(function)(x), function(x)
    for ours, eagers in zip(got, want, strict=True):
        assert torch.equal(ours, eagers) and ours.stride() == eagers.stride()
    got[1].zero_()
    assert not x.any()


def test_graph_breaks_and_operators_in_place():
    def function(x, y):
        a = (x * 2).t()
        a.add_(y)
        torch._dynamo.graph_break()
        x.mul_(3)
        y[0, 1:].fill_(7)
        return a, a.argmax(0), x.sum() > 0

    x, y = torch.randn(3, 4), torch.randn(4, 3)
    x2, y2 = x.clone(), y.clone()
    torch.testing.assert_close(compiled(function)(x, y), function(x2, y2))
    torch.testing.assert_close((x, y), (x2, y2))


@pytest.mark.slow
def test_control_flow_on_values_breaks_the_graph():
    def function(x):
        return x + 1 if x.sum() > 0 else x - 1

    ours = compiled(function)
    for x in (torch.ones(3), -torch.ones(3)):
        torch.testing.assert_close(ours(x), function(x))


def test_gradients_are_eagers():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(36, 3),
        nn.LayerNorm(3),
    )
    eager = copy.deepcopy(model)
    x = torch.randn(2, 3, 5, 5, requires_grad=True)
    x2 = x.detach().clone().requires_grad_()
    ours, want = compiled(model)(x), eager(x2)
    torch.testing.assert_close(ours, want)
    seed = torch.randn(3, 2).t()
    ours.backward(seed)
    want.backward(seed)
    close = {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(x.grad, x2.grad, **close)
    for a, b in zip(model.parameters(), eager.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, **close)
    torch.testing.assert_close(model[1].running_var, eager[1].running_var)


def test_what_cannot_be_compiled_is_refused_with_the_reason():
    with pytest.raises(Exception, match="special_bessel_j0"):
        compiled(lambda x: torch.special.bessel_j0(x))(torch.randn(3))
    with pytest.raises(Exception, match="did you mean 'pipeline'"):
        compiled(nn.Tanh(), options={"pipelin": "default"})(torch.randn(3))
    with pytest.raises(Exception, match="has no modes"):
        compiled(nn.Tanh(), mode="max-autotune")(torch.randn(3))


def test_a_backward_that_cannot_be_compiled_is_refused_when_the_forward_is_compiled():
    x = torch.randn(1, 2, 4, 4, 4, requires_grad=True)
    pool = nn.AvgPool3d(2)
    with torch.no_grad():
        torch.testing.assert_close(compiled(pool)(x), pool(x))
    with pytest.raises(Exception, match="backward pass cannot be compiled") as caught:
        compiled(pool)(x)
    assert "avg_pool3d_backward" in str(caught.value) and "no_grad" in str(caught.value)


def test_dropout_draws_eagers_numbers_and_its_gradients_are_right():
    x = torch.randn(5, 7, requires_grad=True)
    torch.manual_seed(3)
    ours = compiled(nn.Dropout(0.3))(x)
    torch.manual_seed(3)
    want = nn.Dropout(0.3)(x.detach())
    torch.testing.assert_close(ours.detach(), want)
    (gradient,) = torch.autograd.grad(ours.sum(), x)
    torch.testing.assert_close(gradient, (want != 0) / 0.7)


@pytest.mark.slow
def test_gradients_of_attention():
    x, seed = torch.randn(1, 2, 6, 8, requires_grad=True), torch.randn(1, 2, 6, 8)

    def attention(x):
        return nn.functional.scaled_dot_product_attention(x, x * 2, x + 1, is_causal=True)

    (ours,) = torch.autograd.grad(compiled(attention)(x), x, seed)
    (want,) = torch.autograd.grad(attention(x), x, seed)
    torch.testing.assert_close(ours, want, rtol=1e-4, atol=1e-5)


def test_the_same_graph_is_compiled_once(builds):
    model, x = nn.Sequential(nn.Linear(6, 5), nn.ReLU()), torch.randn(3, 6)
    with torch.no_grad():
        compiled(model)(x)
        assert builds == [True]
        torch._dynamo.reset()
        compiled(model)(x)
        assert builds == [True, False]
        compiled(copy.deepcopy(model))(x)
        assert True not in builds[1:]


@pytest.mark.slow
def test_the_same_graph_in_a_new_process_is_from_the_cache(tmp_path):
    # The hash of Pharos's own sources is no part of this: they may be edited while this runs.
    code = """
import torch
from pharos.toolchain import keys, torch_backend
keys.versions = lambda: {}
real = torch_backend.build
def build(*given):
    built = real(*given)
    print("cached" if built.cached else "compiled")
    return built
torch_backend.build = build
model = torch.nn.Linear(6, 5)
loss = torch.compile(model, backend="pharos")(torch.randn(3, 6)).sum()
loss.backward()
"""
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PHAROS_CACHE": str(tmp_path)},
        ).stdout.split()
        for _ in range(2)
    ]
    assert outputs == [["compiled"] * 2, ["cached"] * 2]


def test_a_dynamic_batch_is_compiled_once(builds):
    def function(x):
        return torch.softmax(x, 0), x.sum(0) * x.shape[0], x.reshape(-1), x.shape[0] * 2

    ours = compiled(function, dynamic=True)
    for size in (4, 7, 13, 2):
        x = torch.randn(size, 5)
        torch.testing.assert_close(ours(x), function(x))
    assert builds == [True]


@pytest.mark.slow
def test_a_second_batch_size_makes_the_batch_dynamic(builds):
    model = nn.Linear(6, 5)
    ours = compiled(model)
    with torch.no_grad():
        for size in (4, 7, 9, 30):
            x = torch.randn(size, 6)
            torch.testing.assert_close(ours(x), model(x))
    assert builds == [True, True]
