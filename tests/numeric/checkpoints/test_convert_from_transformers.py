"""A model that transformers saved, converted, then computed from the file alone in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pharos.ingress.checkpoints import Checkpoint, convert, open_checkpoint

pytestmark = pytest.mark.reference

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(7)
    config = transformers.GPT2Config(
        vocab_size=131, n_positions=24, n_embd=48, n_layer=3, n_head=4,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():  # as initialised, biases are zero and norms one: they would not show
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def test_every_tensor_is_the_models(model: Any, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    found = open_checkpoint(convert(tmp_path, tmp_path / "out").model)
    state = {name: one.numpy() for name, one in model.transformer.state_dict().items()}
    assert np.array_equal(found.tensors["wte"][:131], state.pop("wte.weight"))
    assert np.array_equal(found.tensors["wpe"], state.pop("wpe.weight"))
    assert np.array_equal(found.tensors["lnfw"], state.pop("ln_f.weight"))
    assert np.array_equal(found.tensors["lnfb"], state.pop("ln_f.bias"))
    assert len(state) == 3 * 12
    names = {"ln_1": "ln1", "attn.c_attn": "qkv", "attn.c_proj": "attproj",
             "ln_2": "ln2", "mlp.c_fc": "fc", "mlp.c_proj": "fcproj"}  # fmt: skip
    for name, values in state.items():
        _, layer, rest = name.split(".", 2)
        part, kind = rest.rsplit(".", 1)
        mine = found.tensors[names[part] + kind[0]][int(layer)]
        assert np.array_equal(mine, values.T), name  # vectors stay as they are


@pytest.mark.parametrize("shards", [False, True])
def test_logits_from_the_file(model: Any, tmp_path: Path, shards: bool) -> None:
    model.save_pretrained(tmp_path, max_shard_size="60KB" if shards else "1GB")
    assert (tmp_path / "model.safetensors.index.json").exists() == shards
    found = open_checkpoint(convert(tmp_path, tmp_path / "out").model)
    ids = np.random.default_rng(0).integers(0, 131, 24)
    with torch.no_grad():
        expected = model(torch.from_numpy(ids)[None]).logits[0].numpy()
    assert np.abs(logits(found, ids) - expected).max() < 1e-4
    assert np.abs(expected).max() > 1


def test_a_bfloat16_folder(model: Any, tmp_path: Path) -> None:
    rounded = transformers.GPT2LMHeadModel(model.config)
    rounded.load_state_dict(model.state_dict())
    rounded.to(torch.bfloat16).save_pretrained(tmp_path)
    found = open_checkpoint(convert(tmp_path, tmp_path / "out", "bf16").model)
    for layer in range(3):
        expected = rounded.transformer.h[layer].attn.c_attn.weight.T.float().detach().numpy()
        assert np.array_equal(found.tensors["qkvw"][layer].astype(np.float32), expected)


def logits(checkpoint: Checkpoint, ids: np.ndarray) -> np.ndarray:
    """GPT-2's forward pass, (T,) -> (T, V), in float64 and straight from its definition."""
    config = checkpoint.config
    w = {name: one.astype(np.float64) for name, one in checkpoint.tensors.items()}
    T, C, H = len(ids), config.channels, config.heads
    x = w["wte"][ids] + w["wpe"][:T]
    for i in range(config.layers):
        y = norm(x, w["ln1w"][i], w["ln1b"][i]) @ w["qkvw"][i].T + w["qkvb"][i]
        q, k, v = y.reshape(T, 3, H, C // H).transpose(1, 2, 0, 3)
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(C // H)
        scores[:, np.triu(np.ones((T, T), bool), 1)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = (weights @ v).transpose(1, 0, 2).reshape(T, C)
        x = x + mixed @ w["attprojw"][i].T + w["attprojb"][i]
        h = norm(x, w["ln2w"][i], w["ln2b"][i]) @ w["fcw"][i].T + w["fcb"][i]
        h = 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
        x = x + h @ w["fcprojw"][i].T + w["fcprojb"][i]
    return (norm(x, w["lnfw"], w["lnfb"]) @ w["wte"].T)[:, : config.vocabulary]


def norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt(centred.var(-1, keepdims=True) + 1e-5) * weight + bias
