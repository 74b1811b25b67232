"""Importing a model: what becomes an argument, what is left alone, what is refused."""

import random
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from pharos.core.errors import ErrorList, UserError  # noqa: E402
from pharos.ingress.torch import import_model  # noqa: E402


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(19, 11)
        self.norm = nn.BatchNorm1d(11)
        self.register_buffer("scale", torch.randn(11), persistent=False)
        self.unused = nn.Linear(3, 3)

    def forward(self, x):
        return self.norm(self.first(x)) * self.scale


def test_weights_are_arguments_that_share_the_models_memory():
    model = Net().eval()
    imported = import_model(model, (torch.randn(5, 19),))
    found = {a.name: a for a in imported.arguments}
    assert [a.kind for a in imported.arguments] == ["parameter"] * 4 + ["buffer"] * 3 + ["input"]
    assert found["first.weight"].tensor is model.first.weight
    assert found["norm.running_mean"].tensor is model.norm.running_mean
    assert found["scale"].tensor is model.scale
    assert "dense<" not in imported.text.replace("dense<0", "")


SOURCE = """
import torch
from pharos.ingress.torch import import_model
class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.l = torch.nn.Linear(9, 9)
    def forward(self, x):
        return self.l(x) + torch.tensor([float(i) for i in range(9)]) + torch.arange(9)
def text(seed):
    torch.manual_seed(seed)
    return import_model(M(), (torch.randn(2, 9),)).text
"""


def test_the_text_does_not_depend_on_values():
    names = {}
    exec(SOURCE, names)
    texts = [names["text"](seed) for seed in (1, 2)]
    assert texts[0] == texts[1]
    assert "linalg.matmul" in texts[0]


@pytest.mark.slow
def test_the_text_is_the_same_in_another_process():
    names = {}
    exec(SOURCE, names)
    code = [sys.executable, "-c", f"{SOURCE}\nprint(text(3), end='')"]
    assert subprocess.run(code, check=True, capture_output=True, text=True).stdout == names["text"](
        4
    )


def test_large_constants_become_arguments_and_small_ones_stay():
    large = torch.randn(65)

    class M(nn.Module):
        def forward(self, x):
            return x + large, x[:3] * torch.tensor([1.0, 2.0, 3.5])

    imported = import_model(M(), (torch.randn(65),))
    (constant,) = [a for a in imported.arguments if a.kind == "constant"]
    assert torch.equal(constant.tensor, large)
    assert "1.000000e+00, 2.000000e+00, 3.500000e+00" in imported.text


def test_the_model_and_the_generators_stay_as_they_were():
    model = Net()
    model.first.eval()
    model.extra = torch.randn(3)
    state = {n: t.clone() for n, t in model.state_dict().items()}
    flags = [m.training for m in model.modules()]
    attributes = {k: list(vars(m)) for k, m in model.named_modules()}
    generators = (torch.get_rng_state(), random.getstate())
    import_model(model, (torch.randn(5, 19, generator=torch.Generator().manual_seed(1)),))
    assert [m.training for m in model.modules()] == flags
    assert {k: list(vars(m)) for k, m in model.named_modules()} == attributes
    assert all(torch.equal(t, state[n]) for n, t in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generators[0])
    assert random.getstate() == generators[1]
    assert all(p.requires_grad for p in model.parameters())


def test_a_failed_import_leaves_the_model_as_it_was():
    class M(Net):
        def forward(self, x):
            self.kept = self.kept + super().forward(x)
            raise ValueError("stop")

    model = M()
    model.kept = kept = torch.zeros(11)
    with pytest.raises(UserError, match="cannot trace M: ValueError: stop") as caught:
        import_model(model, (torch.randn(5, 19),))
    assert caught.value.span.file == __file__
    assert model.kept is kept and "kept" in vars(model) and "forward" not in vars(model)
    assert model.training and torch.is_grad_enabled()


def test_every_operator_that_cannot_be_imported_is_named_with_its_line():
    class M(nn.Module):
        def forward(self, x):
            a = torch.special.bessel_j0(x)
            b = torch.relu(x)
            return a + b + torch.special.i1e(x)

    with pytest.raises(ErrorList) as caught:
        import_model(M(), (torch.randn(3),))
    text = str(caught.value)
    assert [e.span.file for e in caught.value.errors] == [__file__, __file__]
    assert "special_bessel_j0" in text and "special_i1e" in text and "relu" not in text
    assert caught.value.errors[1].span.line - caught.value.errors[0].span.line == 2


def test_random_tensors_are_arguments():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    kinds = [argument.kind for argument in import_model(model, (torch.randn(2, 3),)).arguments]
    assert kinds == ["parameter", "parameter", "input", "random"]
    imported = import_model(model.eval(), (torch.randn(2, 3),))
    assert [argument.kind for argument in imported.arguments] == kinds[:3]


def test_random_numbers_that_depend_on_values_are_refused():
    class M(nn.Module):
        def forward(self, x):
            return torch.poisson(x)

    with pytest.raises(UserError, match="draws random numbers") as caught:
        import_model(M(), (torch.rand(2, 3),))
    assert caught.value.span.file == __file__ and "poisson" in caught.value.message


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda self, x: x if x.sum() > 0 else -x, "data-dependent"),
        (lambda self, x: torch.nonzero(x), "size that depends on the values"),
        (lambda self, x: x.to(torch.complex64), "found complex64"),
        (lambda self, x: setattr(self, "count", self.count + 1) or x * self.count, "'count' is"),
        (lambda self, x: self.kept.append(x) or x, "'kept' is another list"),
        (lambda self, x: self.kept[0].add_(x).sum(), "changes a tensor in 'kept'"),
    ],
)
def test_what_cannot_be_right_is_refused(forward, message):
    model = type("M", (nn.Module,), {"forward": forward})()
    model.count, model.kept = 0, [torch.zeros(3)]
    with pytest.raises(UserError, match=message):
        import_model(model, (torch.randn(3),))
    assert model.count == 0 and len(model.kept) == 1


def test_only_modules_and_programs_are_taken():
    with pytest.raises(UserError, match=r"expected a torch\.nn\.Module .* found function"):
        import_model(lambda x: x, (torch.randn(3),))
    program = torch.export.export(nn.Linear(3, 2), (torch.randn(4, 3),))
    assert import_model(program).results[0].shape == (4, 2)


def test_arguments_carry_their_names_in_the_module():
    from pharos import ir

    imported = import_model(nn.Linear(3, 2), (torch.randn(4, 3),))
    text = ir.to_text(imported.make(), locations=True)
    assert 'loc("weight"' in text and 'loc("bias"' in text and 'loc("input"' in text
