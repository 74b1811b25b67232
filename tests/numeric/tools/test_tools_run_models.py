"""pharos run model.py: a PyTorch model in KernelBench's form."""

import json

import pytest

pytest.importorskip("torch")

MODEL = """
import torch
class Model(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = torch.nn.Linear(19, width)
    def forward(self, x):
        return torch.relu(self.linear(x)), x.argmax(1)
def get_inputs():
    return [torch.rand(7, 19)]
def get_init_inputs():
    return [5]
"""


def test_a_model_runs_and_is_compared_with_eager(pharos, file):
    path = file("model.py", MODEL)
    outcome = pharos("run", path)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.splitlines()[:2] == ["result 0: f32[7, 5]", "result 1: i64[7]"]
    assert "agrees with eager" in outcome.out
    timed = pharos("run", path, "--benchmark", "--runs", 2, "--json")
    document = json.loads(timed.out)
    assert document["cached"] and set(document["seconds"]) == {"compiled", "eager"}
    assert document["results"] == [
        {"dtype": "f32", "shape": [7, 5]},
        {"dtype": "i64", "shape": [7]},
    ]


def test_a_model_that_is_wrong_exits_with_1(pharos, file, monkeypatch):
    from pharos.ingress.torch.problem import Instance

    path = file("model.py", MODEL)
    eager = Instance.eager
    monkeypatch.setattr(Instance, "eager", lambda self: lambda: (eager(self)()[0] + 1, None))
    outcome = pharos("run", path)
    assert outcome.status == 1 and "differs from eager: " in outcome.out


def test_the_other_commands_take_models(pharos, file):
    path = file("model.py", MODEL)
    assert "linalg.matmul" in pharos("opt", path).out
    assert "tensor 5x19xf32" in pharos("plan", path).out


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (MODEL, ("--entry", "f"), "--entry does not go with a model in Python"),
        ("x = 1", (), "it lacks Model, get_inputs"),
        (MODEL.replace("return [5]", "return []"), (), "making the model and its inputs failed"),
        (MODEL.replace("x.argmax(1)", "torch.linalg.svdvals(x)"), (), "aten._linalg_svd.default"),
    ],
)
def test_mistakes(pharos, file, text, arguments, message):
    outcome = pharos("run", file("model.py", text), *arguments)
    assert outcome.status != 0 and message in outcome.err and "Traceback" not in outcome.err
