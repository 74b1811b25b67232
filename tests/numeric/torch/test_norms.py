"""Norms agree with eager, and are computed in the type of their input."""

import copy

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

MODELS = {
    "layer": (nn.LayerNorm((5, 33)), (3, 5, 33)),
    "group": (nn.GroupNorm(2, 6), (3, 6, 5, 7)),
    "instance": (nn.InstanceNorm2d(4), (3, 4, 5, 7)),
    "batch": (nn.BatchNorm2d(4), (3, 4, 5, 7)),
    "group without scale": (nn.GroupNorm(3, 6, affine=False), (2, 6, 9)),
}


class Variances(nn.Module):
    """Variances over all and some dimensions, biased and not."""

    def forward(self, x):
        return x.var(), x.var((0, 2), correction=0), torch.var_mean(x, -1, keepdim=True)


@pytest.mark.parametrize("name", MODELS)
def test_norms(compiled, name):
    model, shape = MODELS[name]
    model = model.eval()
    for parameter in model.parameters():
        nn.init.uniform_(parameter)
    # Far from zero: squares minus the square of the mean would lose the variance.
    x = torch.randn(shape) + 100
    function = compiled(model, x)
    torch.testing.assert_close(function(x), model(x), rtol=1e-4, atol=1e-4)
    assert "xf64>" not in function.imported.text


@pytest.mark.parametrize("model", [nn.GroupNorm(2, 6), nn.BatchNorm2d(6, affine=False)])
def test_norms_in_bf16(compiled, model):
    model = model.bfloat16().eval()
    x = torch.randn(3, 6, 5, 7).bfloat16()
    torch.testing.assert_close(compiled(model, x)(x), model(x), rtol=2e-2, atol=2e-2)


def test_batch_norm_with_statistics_and_channels_only(compiled):
    model = nn.BatchNorm1d(7).eval()
    for tensor in (model.weight, model.bias, model.running_mean, model.running_var):
        nn.init.uniform_(tensor, 0.5, 3)
    x = torch.randn(5, 7)
    function = compiled(model, x)
    torch.testing.assert_close(function(x), model(x))
    model.running_mean.fill_(-4)
    torch.testing.assert_close(function(x), model(x))


def test_variances(compiled):
    x = torch.randn(4, 5, 6) + 10
    torch.testing.assert_close(compiled(Variances(), x)(x), Variances()(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(6, 3, 31, 37), (2, 5, 1, 1), (700, 20)])
@pytest.mark.parametrize("mean", [0.0, 300.0])
def test_batch_norm_in_training_is_as_exact_as_eager(compiled, shape, mean):
    """A mean that is large beside the deviation, f32 against f64: sums in f32 would lose it."""
    torch.manual_seed(0)
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    ours = kind(shape[1], momentum=0.7)
    nn.init.uniform_(ours.weight, 0.5, 2)
    nn.init.uniform_(ours.bias)
    exact, eager = copy.deepcopy(ours).double(), copy.deepcopy(ours)
    x = torch.randn(shape) + mean
    found = [compiled(ours, x)(x), ours.running_mean, ours.running_var]
    theirs = [eager(x), eager.running_mean, eager.running_var]
    right = [exact(x.double()), exact.running_mean, exact.running_var]
    for one, other, reference in zip(found, theirs, right, strict=True):
        # Rounding the result itself is allowed to eager and to us, and that of distances from the
        # mean, whose deviation is 1.
        rounding = 2**-23 * max(1 / 4, float(reference.abs().max()))
        off, allowed = ((v.double() - reference).abs().max() for v in (one, other))
        assert off <= allowed + 2 * rounding


def test_sums_of_many_numbers_are_as_exact_as_eager(compiled):
    """Rows, columns, all, and a window of two dimensions; one number among others 10,000 times
    larger is what a running sum of f32 loses."""

    class Sums(nn.Module):
        def forward(self, x):
            return x.sum(-1), x.sum(0), x.sum((1, 2)), x.sum(), x.mean((0, 2))

    torch.manual_seed(0)
    x = torch.rand(37, 130, 517) + 1000
    exact = Sums()(x.double())
    for one, theirs, right in zip(compiled(Sums(), x)(x), Sums()(x), exact, strict=True):
        off, allowed = (((v.double() - right) / right).abs().max() for v in (one, theirs))
        # Short sums are in f32: some units in the last place, and no more for long ones.
        assert off <= allowed + 2**-21
