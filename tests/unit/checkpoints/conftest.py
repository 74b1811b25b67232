"""Small models and vocabularies for the tests of files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from pharos.ingress.checkpoints import Config

Tensors = dict[str, np.ndarray]


@pytest.fixture
def config() -> Config:
    return Config(
        max_sequence=8, vocabulary=5, layers=2, heads=2, channels=4, padded_vocabulary=128
    )


@pytest.fixture
def tensors(config: Config) -> Tensors:
    random = np.random.default_rng(0)
    return {
        name: random.standard_normal(shape).astype(np.float32)
        for name, shape in config.shapes.items()
    }


HF_CONFIG: dict[str, Any] = {
    "model_type": "gpt2",
    "vocab_size": 5,
    "n_positions": 8,
    "n_layer": 2,
    "n_head": 2,
    "n_embd": 4,
    "activation_function": "gelu_new",
}


def hf_tensors() -> Tensors:
    """What a Hugging Face folder of HF_CONFIG's sizes holds; Conv1D weights are (in, out)."""
    random = np.random.default_rng(1)
    layer = {
        "ln_1.weight": (4,),
        "ln_1.bias": (4,),
        "attn.c_attn.weight": (4, 12),
        "attn.c_attn.bias": (12,),
        "attn.c_proj.weight": (4, 4),
        "attn.c_proj.bias": (4,),
        "ln_2.weight": (4,),
        "ln_2.bias": (4,),
        "mlp.c_fc.weight": (4, 16),
        "mlp.c_fc.bias": (16,),
        "mlp.c_proj.weight": (16, 4),
        "mlp.c_proj.bias": (4,),
    }
    shapes: dict[str, tuple[int, ...]] = {"wte.weight": (5, 4), "wpe.weight": (8, 4)}
    shapes |= {f"h.{i}.{name}": shape for i in range(2) for name, shape in layer.items()}
    shapes |= {"ln_f.weight": (4,), "ln_f.bias": (4,)}
    return {name: random.standard_normal(s).astype(np.float32) for name, s in shapes.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a Hugging Face folder: changed config fields, changed tensors (None: left out)."""

    def write(
        fields: dict[str, Any] | None = None, tensors: dict[str, np.ndarray | None] | None = None
    ) -> Path:
        path = tmp_path / "hf"
        path.mkdir(exist_ok=True)
        (path / "config.json").write_text(json.dumps(HF_CONFIG | (fields or {})))
        both = {**hf_tensors(), **(tensors or {})}
        kept = {name: one for name, one in both.items() if one is not None}
        save_file(kept, str(path / "model.safetensors"))
        return path

    return write
