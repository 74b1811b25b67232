"""Attentions of models go through the fused kernel, and the plan says so."""

from __future__ import annotations

import pytest

from pharos.toolchain import Request, make_plan
from pharos.toolchain.front_ends import torch_payload

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.reference, pytest.mark.slow]


def planned(model, inputs) -> tuple[int, str]:
    """How many attentions have parameters, and the plan in words."""
    from pharos.ingress.torch import import_model

    payload = torch_payload(import_model(model.eval(), tuple(inputs), name="model"))
    plan = make_plan(payload, Request(target="cpu"))
    return sum(key.startswith("attention") for key in plan.motifs), plan.explain()


@pytest.mark.parametrize("key", ["level1/97", "level3/31", "level3/43", "level3/44"])
def test_problems_of_the_suite(key: str) -> None:
    from pharos.kernelbench.suite import load

    problem = load(key, tiny=True)
    model = problem.model_class(*problem.get_init_inputs())
    count, text = planned(model, problem.get_inputs())
    assert count == 1
    assert "key_tile = " in text


def test_relu_is_no_softmax() -> None:
    from pharos.kernelbench.suite import load

    problem = load("level3/50", tiny=True)
    count, text = planned(problem.model_class(*problem.get_init_inputs()), problem.get_inputs())
    assert count == 0
    assert "no attention: " in text
    assert "is not the end of an attention: the weights of the value" in text


@pytest.mark.parametrize("kind", ["eager", "sdpa"])
def test_gpt2_of_transformers(kind: str) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=50, n_positions=16, n_embd=32, n_layer=2, n_head=2, attn_implementation=kind,
        use_cache=False,
    )  # fmt: skip
    gpt2 = transformers.GPT2LMHeadModel(config)

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gpt2 = gpt2

        def forward(self, tokens):
            return self.gpt2(tokens).logits

    count, text = planned(Logits(), [torch.arange(9).reshape(1, 9)])
    # Equal ones of several layers have one key.
    assert count >= 1
    assert "no attention" not in text
