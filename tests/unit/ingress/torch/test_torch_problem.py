"""Files in KernelBench's form."""

import pytest

pytest.importorskip("torch")

from pharos.core.errors import UserError
from pharos.ingress.torch import load_problem

GOOD = """
import torch
SIZE = 7
class Model(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = torch.nn.Linear(SIZE, width)
    def forward(self, x):
        return self.linear(x)
def get_inputs():
    return [torch.rand(3, SIZE)]
def get_init_inputs():
    return [5]
"""


def test_a_problem_is_made_and_called_as_its_file_says(tmp_path):
    path = tmp_path / "1_linear.py"
    path.write_text(GOOD)
    problem = load_problem(path)
    assert (problem.name, problem.path) == ("1_linear", path)
    assert problem.make()(*problem.get_inputs()).shape == (3, 5)


def test_two_files_of_one_name_do_not_meet(tmp_path):
    for folder, size in (("a", 3), ("b", 4)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.py").write_text(GOOD.replace("SIZE = 7", f"SIZE = {size}"))
    first, second = (load_problem(tmp_path / folder / "p.py") for folder in "ab")
    assert (first.get_inputs()[0].shape[1], second.get_inputs()[0].shape[1]) == (3, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "it lacks Model, get_inputs"),
        ("class Model: pass", "it lacks get_inputs"),
        ("import nothing_of_that_name", "running it failed: ModuleNotFoundError"),
        ("def f(:", "running it failed: SyntaxError"),
    ],
)
def test_a_file_that_is_no_problem_is_refused(tmp_path, text, message):
    path = tmp_path / "p.py"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        load_problem(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_problem(tmp_path / "none.py")
