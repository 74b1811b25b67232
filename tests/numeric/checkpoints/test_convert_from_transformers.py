"""A model that transformers saved, converted, then computed from the file alone in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy_gpt2 import logits

from pharos.ingress.checkpoints import convert, open_checkpoint

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
