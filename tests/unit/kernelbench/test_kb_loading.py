"""A task becomes a problem: with the sizes, arguments and inputs that were asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pharos.core.errors import UserError
from pharos.kernelbench.loading import load
from pharos.kernelbench.options import Options
from pharos.kernelbench.reference import Reference
from pharos.kernelbench.selection import Task

TEXT = """
import torch
class Model(torch.nn.Module):
    def __init__(self, width, bias=True):
        super().__init__()
        self.linear = torch.nn.Linear(features, width, bias=bias)
    def forward(self, x):
        return torch.relu(self.linear(x))
batch = 4096
features = 1024
def get_inputs():
    return [torch.rand(batch, features)]
def get_init_inputs():
    return [5]
"""


@pytest.fixture
def task(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(TEXT)
    return Task("mine", "mine", path)


def test_a_file_is_loaded_as_it_is(task, tmp_path):
    problem, changes, note = load(task, Options("cpu"), tmp_path / "sources")
    assert (problem.path, changes, note) == (task.path, (), "")
    assert not (tmp_path / "sources").exists()


def test_a_cap_says_what_it_changed_and_keeps_the_source(task, tmp_path):
    problem, changes, _ = load(task, Options("cpu", max_mb=0.5), tmp_path / "sources")
    assert problem.path.parent == tmp_path / "sources"
    assert [change.split(":")[0] for change in changes] == ["batch", "features"]
    (inputs,) = Reference(problem, Options("cpu")).inputs(0)
    assert inputs.nbytes < 1 << 19


def test_sizes_and_arguments_are_replaced(task, tmp_path):
    options = Options("cpu", sets={"features": "4 * 2", "batch": "3"}, initial=(7, False))
    problem, changes, _ = load(task, options, tmp_path / "sources")
    assert changes == ("features = 4 * 2 (--set)", "batch = 3 (--set)")
    reference = Reference(problem, options)
    assert reference.inputs(0)[0].shape == (3, 8)
    assert reference.ours.linear.weight.shape == (7, 8) and reference.ours.linear.bias is None


def test_described_inputs_take_the_place_of_the_problems_own(task, tmp_path):
    options = Options(
        "cpu", dtype="f64", make_inputs=lambda seed: [np.full((2, 1024), seed, np.float32)]
    )
    problem, *_ = load(task, options, tmp_path)
    reference = Reference(problem, options)
    (first,), (second,) = reference.inputs(0), reference.inputs(1)
    assert first.shape == (2, 1024) and first.dtype == torch.float64
    assert (float(first[0, 0]), float(second[0, 0])) == (0, 1)


def test_keyword_arguments_of_newer_problems_reach_the_model(tmp_path):
    path = tmp_path / "new.py"
    path.write_text(TEXT.replace("return [5]", "return [[5], {'bias': False}]"))
    problem, *_ = load(Task("new", "new", path), Options("cpu"), tmp_path)
    assert Reference(problem, Options("cpu")).ours.linear.bias is None


def test_sizes_of_the_suite_are_set_by_name(tmp_path):
    options = Options("cpu", sets={"N": "24"})
    problem, changes, _ = load(Task("level1/1", "matmul"), options, tmp_path)
    assert changes == ("N = 24 (--set)",)
    assert problem.get_inputs()[0].shape == (24, 24)
    with pytest.raises(UserError, match="level1/1 has no size 'Q'"):
        load(Task("level1/1", "matmul"), Options("cpu", sets={"Q": "24"}), tmp_path)
    with pytest.raises(UserError, match="expected a number or a list of numbers"):
        load(Task("level1/1", "matmul"), Options("cpu", sets={"N": "x"}), tmp_path)
