"""Faults planted in compiled code are found by the check: each stands for one kind of bug."""

from __future__ import annotations

import types

import pytest
import torch

from pharos.kernelbench import rows
from pharos.kernelbench.checking import check
from pharos.kernelbench.options import Options
from pharos.kernelbench.reference import ProblemError, Reference
from pharos.kernelbench.selection import Task


class Model(torch.nn.Module):
    """A layer with a norm in training mode: its buffers change with each call."""

    def __init__(self, width):
        super().__init__()
        self.linear = torch.nn.Linear(6, width)
        self.norm = torch.nn.BatchNorm1d(width)

    def forward(self, x):
        return torch.relu(self.norm(self.linear(x)))


def problem(model=Model, inputs=lambda: [torch.rand(5, 6)], initial=(4,)):
    return types.SimpleNamespace(
        model_class=model, get_inputs=inputs, get_init_inputs=lambda: list(initial)
    )


class Function:
    """Stands for compiled code: eager, with a fault. ``bind`` has the interface of the real one."""

    def __init__(self, reference, fault=lambda out, inputs: out, model=None):
        self.model = model or reference.ours
        self.fault = fault

    def bind(self, *inputs, poison=False):
        assert poison
        with torch.no_grad():
            outputs = self.fault(self.model(*inputs), inputs)
        bound = types.SimpleNamespace(finish=lambda: outputs)
        return _Callable(bound)


class _Callable:
    def __init__(self, bound):
        self.finish = bound.finish

    def __call__(self):
        pass


def checked(fault=lambda out, inputs: out, options=None, of=None, model=None):
    options = options or Options("cpu")
    reference = Reference(of or problem(), options)
    made = model(reference) if model else None
    return check(Function(reference, fault, made), reference, options, lambda step: None)


def test_what_is_right_passes():
    found = checked()
    assert found["wrong"] == ""
    assert (found["reference"], found["checks"], found["notes"]) == ("float64", 4, [])


def unwritten(out, inputs):
    out = out.clone()
    out[-1, -1] = torch.nan  # what poisoned memory holds when nobody writes it
    return out


def writes_inputs(out, inputs):
    inputs[0].add_(1)
    return out


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda out, inputs: out[:1], "inputs 0: result: expected shape [5, 4], found [1, 4]"),
        (unwritten, "1 of 20 elements are wrong"),
        (lambda out, inputs: out.double(), "expected float32, found float64"),
        (lambda out, inputs: out + 1e-3, "elements are wrong"),
        (lambda out, inputs: out.roll(1), "elements are wrong"),
        (writes_inputs, "the inputs after the call: "),
    ],
)
def test_faults_of_every_kind_are_found(fault, message):
    assert message in checked(fault)["wrong"]


def test_a_fault_that_some_inputs_hide_is_found_on_others():
    # Uniform inputs are never negative: the identity looks like a rectifier.
    relu = problem(torch.nn.ReLU, initial=())
    found = checked(of=relu, model=lambda reference: torch.nn.Identity())
    assert found["wrong"].startswith("normal inputs: ")


def test_buffers_that_are_not_updated_are_found():
    def frozen(reference):
        import copy

        return copy.deepcopy(reference.ours)

    assert "after the calls, norm.running_mean of the model" in checked(model=frozen)["wrong"]


def test_buffers_may_be_as_far_off_as_eagers():
    class Cancelling(torch.nn.Module):
        def __init__(self, large=3e4):
            super().__init__()
            self.large = large
            self.norm = torch.nn.BatchNorm1d(6)

        def forward(self, x):
            return self.norm((x + self.large) - self.large)

    def other_rounding(reference):
        import copy

        model = copy.deepcopy(reference.ours)
        reference.ours = model
        model.large = 4e4
        return model

    of = problem(Cancelling, inputs=lambda: [torch.rand(50, 6)], initial=())
    assert checked(of=of, model=other_rounding)["wrong"] == ""


def test_weights_that_are_all_equal_are_varied_so_that_mixing_them_up_shows():
    reference = Reference(problem(), Options("cpu"))
    assert reference.ours.norm.weight.std() > 0 and reference.ours.norm.bias.std() > 0
    assert torch.equal(reference.ours.norm.weight, reference.eager.norm.weight)


def test_a_constant_result_is_noted():
    zero = problem(torch.nn.Threshold, initial=(2.0, 0.0), inputs=lambda: [torch.rand(400)])
    found = checked(of=zero, options=Options("cpu", seeds=2))
    # Normal inputs exceed the threshold now and then, so that the check still says something.
    assert found["wrong"] == "" and found["notes"] == []
    always = problem(torch.nn.Hardtanh, initial=(3.0, 4.0), inputs=lambda: [torch.rand(400)])
    always.get_check_inputs = always.get_inputs
    assert "all elements of the result are equal" in checked(of=always)["notes"][0]


def test_inputs_are_fresh_and_repeat():
    reference = Reference(problem(), Options("cpu", seed=3))
    assert torch.equal(reference.inputs(0)[0], reference.inputs(0)[0])
    assert not torch.equal(reference.inputs(0)[0], reference.inputs(1)[0])
    assert torch.equal(
        reference.inputs(1)[0], Reference(problem(), Options("cpu", seed=4)).inputs(0)[0]
    )


def test_dtypes_reach_weights_and_inputs_but_not_labels():
    labelled = problem(inputs=lambda: [torch.rand(5, 6), torch.randint(0, 4, (5,))])
    reference = Reference(labelled, Options("cpu", dtype="bf16"))
    assert {p.dtype for p in reference.ours.parameters()} == {torch.bfloat16}
    assert [value.dtype for value in reference.inputs(0)] == [torch.bfloat16, torch.int64]


def test_the_mode_can_be_chosen():
    assert Reference(problem(), Options("cpu")).ours.training
    assert not Reference(problem(), Options("cpu", mode="eval")).ours.training


def test_a_problem_that_pytorch_cannot_run_is_the_problems_fault():
    broken = problem(inputs=lambda: [torch.rand(5, 7)])
    with pytest.raises(ProblemError, match="eager of the problem fails in PyTorch: RuntimeError"):
        checked(of=broken)


def test_a_model_that_insists_on_its_dtype_is_compared_with_eager():
    class Insists(torch.nn.Module):
        def forward(self, x):
            return x @ torch.ones(6, 2)

    found = checked(of=problem(Insists, initial=()))
    assert (found["wrong"], found["reference"]) == ("", "eager")


def test_a_new_row_knows_nothing():
    assert rows.new(Task("level1/1", "a"))["status"] == rows.FAILED


def test_dropout_is_made_comparable_and_told():
    class Dropping(Model):
        def forward(self, x):
            return torch.nn.functional.relu(self.drop(super().forward(x)))

        def __init__(self, width):
            super().__init__(width)
            self.drop = torch.nn.Dropout(0.5)

    found = checked(of=problem(Dropping))
    assert not found["wrong"]
    assert found["notes"] == ["not random, as in evaluation: drop"]
    asked = Reference(problem(Dropping), Options("cpu", mode="train"))
    assert asked.ours.drop.training and not asked.notes


def test_models_that_draw_random_numbers_draw_the_same_ones():
    class Noisy(Model):
        def forward(self, x):
            return super().forward(x) + torch.randn_like(x[:, :4])

    found = checked(of=problem(Noisy))
    assert (found["wrong"], found["reference"]) == ("", "eager")
