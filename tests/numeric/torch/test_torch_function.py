"""Imported models compute what eager computes, on fresh inputs, into poisoned outputs."""

import copy

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from pharos.core.errors import UserError  # noqa: E402


def agrees(function, model, *inputs, **tolerance):
    """Compare with eager on ``inputs``; outputs are poisoned first."""
    with torch.no_grad():
        want = model(*inputs)
    bound = function.bind(*inputs, poison=True)
    bound()
    torch.testing.assert_close(bound.finish(), want, **tolerance)


class Reshaped(nn.Module):
    def forward(self, x):
        return x.reshape(0, 3, 11) + 1, x.sum(1)


@pytest.mark.parametrize("model", [nn.Linear(33, 5), Reshaped()], ids=["linear", "reshaped"])
def test_tensors_without_elements(compiled, model):
    empty = torch.zeros(31, 0, 33)
    agrees(compiled(model, empty), model, empty)


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.Sequential(nn.Linear(7, 5), nn.Softmax(-1)), (3, 7)),
        (nn.Conv2d(3, 5, 3, padding=1, stride=2), (2, 3, 9, 11)),
        (nn.Sequential(nn.LayerNorm(13), nn.GELU()), (2, 5, 13)),
        pytest.param(
            nn.MultiheadAttention(12, 3, batch_first=True).eval(), None, marks=pytest.mark.slow
        ),
    ],
    ids=["linear", "conv", "norm", "attention"],
)
def test_agrees_with_eager_on_fresh_inputs(compiled, model, shape):
    def inputs():
        return (torch.randn(shape),) if shape else tuple(torch.randn(2, 5, 12) for _ in range(3))

    function = compiled(model, *inputs())
    for _ in range(3):
        agrees(function, model, *inputs())


def test_poison_shows_what_was_not_written(compiled):
    x = torch.randn(3, 7)
    bound = compiled(nn.Linear(7, 5), x).bind(x, poison=True)
    assert torch.isnan(bound.outputs[0]).all()
    bound()
    assert torch.isfinite(bound.outputs[0]).all()


def test_inputs_with_any_strides_are_right(compiled):
    model = nn.Linear(6, 5)
    function = compiled(model, torch.randn(4, 6))
    for x in (
        torch.randn(6, 4).t(),
        torch.randn(4, 12)[:, ::2],
        torch.randn(1, 6).expand(4, 6),
        torch.randn(8, 6)[2:6],
        torch.randn(30).as_strided((4, 6), (3, 2), 1),
    ):
        agrees(function, model, x)


def test_weights_with_strides_and_weights_that_change(compiled):
    model = nn.Linear(6, 5)
    model.weight = nn.Parameter(torch.randn(6, 5).t())
    x = torch.randn(4, 6)
    function = compiled(model, x)
    agrees(function, model, x)
    with torch.no_grad():
        model.bias.fill_(3)
    agrees(function, model, x)
    model.weight = nn.Parameter(torch.randn(5, 6))
    agrees(function, model, x)


def test_modules_and_attributes_that_are_replaced(compiled):
    model = nn.Sequential(nn.Linear(6, 5), nn.Sequential(nn.Linear(5, 4)))
    x = torch.randn(4, 6)
    function = compiled(model, x)
    model[1] = nn.Sequential(nn.Linear(5, 4))
    agrees(function, model, x)
    del model[0].weight
    model[0].weight = torch.randn(5, 6)  # no parameter any more
    agrees(function, model, x)
    model[0].bias = nn.Parameter(torch.randn(3))
    with pytest.raises(UserError, match=r"f32\[5\], found float32\[3\]"):
        function(x)


def test_empty_scalar_integer_and_bool_tensors(compiled):
    class M(nn.Module):
        def forward(self, x, n, empty):
            return x.argmax(1), x > 0, n * 3 + 1, empty.sum(0), x.sum(), n.to(torch.uint8)

    inputs = (torch.randn(5, 7), torch.randint(-9, 9, (4,)), torch.randn(0, 3))
    model = M()
    function = compiled(model, *inputs)
    agrees(function, model, *inputs)


def test_nested_arguments_keywords_constants_and_results(compiled):
    class M(nn.Module):
        def forward(self, pair, *, scale, flag=True, none=None):
            a, b = pair["a"], pair["b"]
            return {"sum": a + b if flag else a, "rest": [a * scale, none, 3, (b,)]}

    a, b = torch.randn(3, 4), torch.randn(4)
    model = M()
    function = compiled(model, {"a": a, "b": b}, scale=2.5)
    got, want = function({"a": a, "b": b}, scale=2.5), model({"a": a, "b": b}, scale=2.5)
    torch.testing.assert_close(got, want)
    with pytest.raises(UserError, match=r"the code was made for 2\.5, found 3\.5"):
        function({"a": a, "b": b}, scale=3.5)
    with pytest.raises(UserError, match="nested like those of the import"):
        function([a, b], scale=2.5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.randn(3, 6), r"expected a tensor f32\[3, 7\], found float32\[3, 6\]"),
        (torch.randn(3, 7, dtype=torch.float64), r"found float64\[3, 7\]"),
        (torch.randn(21), r"found float32\[21\]"),
        (3.0, "found float"),
        (torch.empty(3, 7, device="meta"), "on meta"),
        (torch.randn(3, 7).to_sparse(), "torch.sparse_coo"),
    ],
)
def test_wrong_inputs_are_refused(compiled, value, message):
    with pytest.raises(UserError, match=message):
        compiled(nn.Linear(7, 5), torch.randn(3, 7))(value)


def test_bf16_weights_are_not_copied(compiled):
    model = nn.Linear(7, 5).bfloat16()
    x = torch.randn(3, 7).bfloat16()
    function = compiled(model, x)
    agrees(function, model, x)
    assert function.imported.arguments[0].tensor.data_ptr() == model.weight.data_ptr()


def test_batch_norm_in_training_updates_its_statistics(compiled):
    model = nn.BatchNorm1d(5)
    eager, x = copy.deepcopy(model), torch.randn(8, 5)
    function = compiled(model, x)
    for x in (torch.randn(8, 5), torch.randn(8, 5) * 3 + 1):
        torch.testing.assert_close(function(x), eager(x))
    torch.testing.assert_close(model.running_mean, eager.running_mean)
    torch.testing.assert_close(model.running_var, eager.running_var)
    assert model.num_batches_tracked == 2


class Recurrent(nn.Module):
    """Keeps its hidden state as a plain attribute, which it assigns or changes in place."""

    def __init__(self, in_place):
        super().__init__()
        self.cell = nn.Linear(9, 4)
        self.hidden = torch.zeros(2, 4)
        self.in_place = in_place

    def forward(self, x):
        new = torch.tanh(self.cell(torch.cat((x, self.hidden), 1)))
        if self.in_place:
            self.hidden.copy_(new)
        else:
            self.hidden = new
        return self.hidden * 2


@pytest.mark.parametrize(
    ("layer", "states"),
    [
        (nn.GRU(5, 4, bias=False, batch_first=True), 1),
        (nn.LSTM(5, 4, num_layers=2, bidirectional=True), 2),
    ],
    ids=["gru", "lstm"],
)
def test_torchs_recurrent_modules(compiled, layer, states):
    rows = layer.num_layers * (1 + layer.bidirectional)

    def inputs():
        initial = tuple(torch.randn(rows, 2, 4) for _ in range(states))
        shape = (2, 7, 5) if layer.batch_first else (7, 2, 5)
        return torch.randn(shape), initial if states > 1 else initial[0]

    function = compiled(layer, *inputs())
    for _ in range(2):
        agrees(function, layer, *inputs())


class Noisy(nn.Module):
    """Random tensors of several kinds, one of them used by the next."""

    def forward(self, x):
        noise = torch.randn(5) + torch.rand_like(x)
        dropped = nn.functional.dropout(noise + x, 0.3)
        return dropped, torch.bernoulli(x, 0.25), nn.functional.dropout(x, 1.0)


def test_a_seed_gives_the_random_numbers_of_eager(compiled):
    model, x = Noisy(), torch.rand(3, 5)
    function = compiled(model, x)
    for seed in (1, 2):
        torch.manual_seed(seed)
        want, after = model(x), torch.get_rng_state()
        torch.manual_seed(seed)
        torch.testing.assert_close(function(x), want)
        assert torch.equal(torch.get_rng_state(), after)
    assert not torch.equal(function(x)[0], function(x)[0])


@pytest.mark.parametrize("in_place", [False, True])
def test_a_hidden_state_goes_on_like_eagers(compiled, in_place):
    model = Recurrent(in_place)
    eager = copy.deepcopy(model)
    start = model.hidden
    function = compiled(model, torch.randn(2, 5))
    assert model.hidden is start and not start.any()
    with torch.no_grad():
        for _ in range(3):
            x = torch.randn(2, 5)
            torch.testing.assert_close(function(x), eager(x))
            torch.testing.assert_close(model.hidden, eager.hidden)
    # Whoever kept the first state still has it, unless the model itself overwrites it.
    assert bool(start.any()) == in_place
    model.hidden = torch.ones(2, 4)
    eager.hidden = torch.ones(2, 4)
    torch.testing.assert_close(function(x), eager(x).detach())


def test_inputs_that_the_model_changes_are_changed(compiled):
    class M(nn.Module):
        def forward(self, x):
            x.add_(1)
            return x * 2

    model = M()
    function = compiled(model, torch.zeros(3))
    ours = torch.randn(6)[::2]
    eager = ours.clone()
    torch.testing.assert_close(function(ours), model(eager))
    torch.testing.assert_close(ours, eager)


def test_one_output_twice_and_outputs_that_are_inputs(compiled):
    class M(nn.Module):
        def forward(self, x):
            y = x * 2
            return y, y, x, x.t()

    x = torch.randn(3, 4)
    first, second, same, turned = compiled(M(), x)(x)
    torch.testing.assert_close((first, second, same, turned), (x * 2, x * 2, x, x.t()))
    first.zero_()
    assert second.any()


def test_sizes_may_change_when_asked(compiled):
    model = nn.Sequential(nn.Linear(5, 3), nn.ReLU())
    batch = torch.export.Dim("batch", min=1, max=64)
    function = compiled(model, torch.randn(4, 5), dynamic_shapes=({0: batch},))
    for size in (1, 7, 64):
        agrees(function, model, torch.randn(size, 5))
    with pytest.raises(UserError, match="sizes from 1 to 64 along axis 0, found 65"):
        function(torch.randn(65, 5))


def test_calls_from_several_threads(compiled):
    from concurrent.futures import ThreadPoolExecutor

    model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 3))
    function = compiled(model, torch.randn(50, 64))
    inputs = [torch.randn(50, 64) for _ in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(function, inputs))
    with torch.no_grad():
        for x, y in zip(inputs, found, strict=True):
            torch.testing.assert_close(y, model(x))
