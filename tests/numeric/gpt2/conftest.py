"""GPT-2 checkpoints with random weights, made from transformers and converted."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pharos.ingress.checkpoints import convert

SIZES = {
    "tiny": {"n_layer": 2, "n_head": 4, "n_embd": 64, "n_positions": 96, "vocab_size": 257},
    # Nothing divides by the width of a vector: head size 20, 131 tokens.
    "odd": {"n_layer": 3, "n_head": 3, "n_embd": 60, "n_positions": 41, "vocab_size": 131},
    # As wide as the 355M and 774M models, less deep.
    "355M wide": {"n_layer": 2, "n_head": 16, "n_embd": 1024, "n_positions": 64, "vocab_size": 500},
    "774M wide": {"n_layer": 2, "n_head": 20, "n_embd": 1280, "n_positions": 64, "vocab_size": 500},
    "124M": {},
}


@dataclass
class Reference:
    """transformers' model and the same weights in our format, as f32 and as bf16."""

    model: Any
    f32: Path
    bf16: Path

    def logits(self, ids: list[int], *, rounded: bool = False) -> Any:
        """float32 (T, vocabulary), with weights rounded to bf16 when ``rounded``."""
        import torch

        model = self.model
        if rounded:
            model = copy.deepcopy(model)
            for parameter in model.parameters():
                parameter.data = parameter.data.to(torch.bfloat16).float()
        with torch.no_grad():
            return model(torch.tensor([ids])).logits[0].numpy()


def make(name: str, folder: Path) -> Reference:
    torch = pytest.importorskip("torch", reason="torch is the reference")
    transformers = pytest.importorskip("transformers", reason="transformers is the reference")
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**SIZES[name])).eval()
    model.save_pretrained(folder / "hf")
    f32 = convert(folder / "hf", folder / "f32", "f32").model
    bf16 = convert(folder / "hf", folder / "bf16", "bf16").model
    return Reference(model, f32, bf16)


@pytest.fixture(scope="session")
def references(tmp_path_factory):
    """``references("tiny")``: made once each."""
    made: dict[str, Reference] = {}

    def get(name: str) -> Reference:
        if name not in made:
            made[name] = make(name, tmp_path_factory.mktemp(name.replace(" ", "-")))
        return made[name]

    return get


@pytest.fixture
def tokens():
    """``tokens(n, vocabulary)``: n random token ids."""
    rng = np.random.default_rng(7)
    return lambda n, vocabulary: rng.integers(0, vocabulary, n).tolist()
