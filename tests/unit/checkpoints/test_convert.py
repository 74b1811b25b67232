"""Hugging Face folders to llm.c's files, and the folders that are refused."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from pharos.core.errors import UserError
from pharos.ingress.checkpoints import convert, open_checkpoint, open_tokenizer

Folder = Callable[..., Path]
END = "<|endoftext|>"


def shown(folder: Path, out: Path, **options: Any) -> str:
    """The text of the error that converting ``folder`` gives; nothing may have been written."""
    with pytest.raises(UserError) as caught:
        convert(folder, out, **options)
    assert not (out / "model.bin").exists()
    assert not (out / "tokenizer.bin").exists()
    return str(caught.value)


def tensors_in(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


def check(model: Path, tensors: dict[str, np.ndarray]) -> None:
    """Every parameter is the folder's, Conv1D weights transposed to (out, in)."""
    found = open_checkpoint(model).tensors
    dtype = found["wte"].dtype

    def same(name: str, layer: int | None, values: np.ndarray) -> None:
        mine = found[name] if layer is None else found[name][layer]
        assert np.array_equal(mine, values.astype(np.float32).astype(dtype)), (name, layer)

    same("wpe", None, tensors["wpe.weight"])
    same("lnfw", None, tensors["ln_f.weight"])
    same("lnfb", None, tensors["ln_f.bias"])
    assert np.array_equal(found["wte"][:5], tensors["wte.weight"].astype(dtype))
    assert not found["wte"][5:].any()
    assert len(found["wte"]) == 128
    for layer in range(2):
        h = f"h.{layer}."
        for ours, theirs in {"ln1": "ln_1", "ln2": "ln_2"}.items():
            same(ours + "w", layer, tensors[f"{h}{theirs}.weight"])
            same(ours + "b", layer, tensors[f"{h}{theirs}.bias"])
        for ours, theirs in {
            "qkv": "attn.c_attn",
            "attproj": "attn.c_proj",
            "fc": "mlp.c_fc",
            "fcproj": "mlp.c_proj",
        }.items():
            same(ours + "w", layer, tensors[f"{h}{theirs}.weight"].T)
            same(ours + "b", layer, tensors[f"{h}{theirs}.bias"])


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_every_tensor_arrives(folder: Folder, tmp_path: Path, dtype: str) -> None:
    path = folder()
    found = convert(path, tmp_path / "new" / "out", dtype)
    assert found.model == tmp_path / "new" / "out" / "model.bin"
    assert found.tokenizer is None
    assert os.listdir(found.model.parent) == ["model.bin"]
    config = open_checkpoint(found.model).config
    assert (config.dtype, config.vocabulary, config.padded_vocabulary) == (dtype, 5, 128)
    check(found.model, tensors_in(path))


@pytest.mark.parametrize("stored", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_folders(folder: Folder, tmp_path: Path, stored: Any) -> None:
    path = folder()
    halves = {name: one.astype(stored) for name, one in tensors_in(path).items()}
    save_file(halves, path / "model.safetensors")
    check(convert(path, tmp_path / "out").model, halves)


def test_prefixes_masks_and_a_tied_head(folder: Folder, tmp_path: Path) -> None:
    path = folder()
    plain = tensors_in(path)
    named = {f"transformer.{name}": one for name, one in plain.items()}
    named["transformer.h.0.attn.bias"] = np.ones((1, 1, 8, 8), np.float32)
    named["transformer.h.0.attn.masked_bias"] = np.array(-1e4, np.float32)
    named["lm_head.weight"] = plain["wte.weight"].copy()
    save_file(named, path / "model.safetensors")
    check(convert(path, tmp_path / "out").model, plain)


def test_shards(folder: Folder, tmp_path: Path) -> None:
    path = folder()
    plain = tensors_in(path)
    names = sorted(plain)
    places = {n: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, n in enumerate(names)}
    for file in set(places.values()):
        save_file({n: plain[n] for n in names if places[n] == file}, path / file)
    (path / "model.safetensors").unlink()
    index = path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    check(convert(path, tmp_path / "out").model, plain)

    index.write_text(json.dumps({"weight_map": places | {"x": places[names[0]]}}))
    assert "1 tensors are in none of the files\nnote: x: expected in model-0000" in shown(
        path, tmp_path / "b"
    )
    index.write_text(json.dumps({"weight_map": {"x": "../other.safetensors"}}))
    assert "expected a file's name, found '../other.safetensors'" in shown(path, tmp_path / "b")
    index.write_text(json.dumps({"weight_map": ["x"]}))
    assert "field weight_map: expected names and their files" in shown(path, tmp_path / "b")
    index.write_text(json.dumps({"weight_map": {"x": "gone.safetensors"}}))
    assert "gone.safetensors: cannot read this file" in shown(path, tmp_path / "b")


def test_an_n_ctx_of_old_stands_for_n_positions(folder: Folder, tmp_path: Path) -> None:
    path = folder()
    config = json.loads((path / "config.json").read_text())
    config["n_ctx"] = config.pop("n_positions")
    (path / "config.json").write_text(json.dumps(config))
    assert open_checkpoint(convert(path, tmp_path / "o").model).config.max_sequence == 8


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model_type": "llama"}, "field model_type: expected 'gpt2', found 'llama'"),
        ({"activation_function": "gelu"}, "expected 'gelu_new' or 'gelu_pytorch_tanh', found"),
        ({"n_inner": 20}, "field n_inner: expected null or 4 n_embd, found 20"),
        ({"layer_norm_epsilon": 1e-6}, "field layer_norm_epsilon: expected 1e-05, found 1e-06"),
        ({"scale_attn_weights": False}, "field scale_attn_weights: expected True, found False"),
        (
            {"scale_attn_by_inverse_layer_idx": True},
            "field scale_attn_by_inverse_layer_idx: expected False, found True",
        ),
        ({"add_cross_attention": True}, "field add_cross_attention: expected False, found True"),
        ({"tie_word_embeddings": False}, "field tie_word_embeddings: expected True, found False"),
        ({"quantization_config": {"bits": 4}}, "field quantization_config: expected None, found"),
        ({"n_embd": None, "n_head": None}, "missing fields: n_head, n_embd"),
        ({"n_layer": "2"}, "field n_layer: expected an integer, found '2'"),
        ({"n_layer": True}, "field n_layer: expected an integer, found True"),
        ({"n_head": 3}, "field channels: expected a multiple of heads (3), found 4"),
        ({"n_layer": 0}, "field layers: expected 1 to 1024, found 0"),
        (
            {"activation_function": "relu", "n_inner": 8},
            "note: field n_inner: expected null or 4 n_embd, found 8",
        ),
    ],
)
def test_other_models_are_refused(
    folder: Folder, tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    assert message in shown(folder(fields), tmp_path / "out")


@pytest.mark.parametrize(
    ("tensors", "messages"),
    [
        (
            {"h.1.mlp.c_fc.bias": None, "wpe.weight": None, "h.0.ln_1.weight": None},
            [
                "3 tensors do not fit config.json (2 layers, 4 channels)",
                "h.1.mlp.c_fc.bias: missing, expected shape (16,)",
                "wpe.weight: missing, expected shape (8, 4)",
                "h.0.ln_1.weight: missing, expected shape (4,)",
            ],
        ),
        (
            {"h.0.attn.c_attn.weight": np.zeros((12, 4), np.float32)},
            ["h.0.attn.c_attn.weight: expected shape (4, 12), found (12, 4)"],
        ),
        (
            {"wte.weight": np.zeros((6, 4), np.float32)},
            ["wte.weight: expected shape (5, 4), found (6, 4)"],
        ),
        (
            {"h.2.ln_1.bias": np.zeros(4, np.float32)},
            ["h.2.ln_1.bias: unknown; GPT-2 has no such tensor"],
        ),
        (
            {"score.weight": np.zeros((2, 4), np.float32)},
            ["score.weight: unknown; GPT-2 has no such tensor"],
        ),
        (
            {"ln_f.bias": np.zeros(4, np.int8)},
            ["ln_f.bias: expected F32, F16, BF16, found I8"],
        ),
        (
            {"lm_head.weight": np.zeros((5, 4), np.float32)},
            ["lm_head.weight: expected the values of wte.weight, found others"],
        ),
        (
            {"lm_head.weight": np.zeros((3, 4), np.float32)},
            ["lm_head.weight: expected the values of wte.weight, found others"],
        ),
        (
            {"transformer.ln_f.bias": np.zeros(4, np.float32)},
            ["expected each tensor once, found ln_f.bias with and without 'transformer.'"],
        ),
        (
            {"ln_f.bias": np.array([0, 0, np.inf, 0], np.float32)},
            ["lnfb: expected finite f32, found inf at (2,)"],
        ),
    ],
)
def test_tensors_that_do_not_fit(
    folder: Folder, tmp_path: Path, tensors: dict[str, Any], messages: list[str]
) -> None:
    text = shown(folder(tensors=tensors), tmp_path / "out")
    for message in messages:
        assert message in text


def test_broken_folders(folder: Folder, tmp_path: Path) -> None:
    path, out = folder(), tmp_path / "out"
    assert "nowhere/config.json: cannot read this file" in shown(tmp_path / "nowhere", out)
    assert "dtype: expected one of f32, bf16, found 'fp32'" in shown(path, out, dtype="fp32")

    (path / "model.safetensors").write_bytes(b"not a safetensors file at all")
    assert "model.safetensors: expected a safetensors file" in shown(path, out)
    (path / "model.safetensors").unlink()
    assert "expected model.safetensors or model.safetensors.index.json" in shown(path, out)
    (path / "pytorch_model.bin").write_bytes(b"")
    assert "hint: pytorch_model.bin may hold pickled code" in shown(path, out)

    (path / "config.json").write_text('{"model_type": "gpt2",\n  n_layer: 2}')
    assert f"{path}/config.json:2:3: error: expected JSON" in shown(path, out)
    (path / "config.json").write_bytes(b'{"\xff": 1}')
    assert "config.json: expected UTF-8, found another byte at 2" in shown(path, out)


def test_a_truncated_safetensors_file(folder: Folder, tmp_path: Path) -> None:
    path = folder()
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    assert "expected a safetensors file, and it is damaged" in shown(path, tmp_path / "out")


def test_one_layer_of_one_parameter_is_in_memory(folder: Folder, tmp_path: Path) -> None:
    wider, layers = 16, 24
    path = folder({"n_embd": 4 * wider, "n_layer": layers})
    wide: dict[str, np.ndarray] = {}
    for name, values in tensors_in(path).items():
        # Every dimension of the small folder is a multiple of its channels, but for the
        # vocabulary and the positions.
        rows = 1 if name.startswith(("wte", "wpe")) else 0
        shape = [*values.shape[:rows], *(wider * extent for extent in values.shape[rows:])]
        if name.startswith("h.0."):
            wide |= {f"h.{i}.{name[4:]}": np.ones(shape, np.float32) for i in range(layers)}
        elif not name.startswith("h."):
            wide[name] = np.ones(shape, np.float32)
    save_file(wide, path / "model.safetensors")
    total = sum(values.nbytes for values in wide.values())
    largest = max(values.nbytes for values in wide.values())
    del wide
    tracemalloc.start()
    convert(path, tmp_path / "out", "bf16")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 4_000_000
    assert peak < 8 * largest + 200_000 < total / 3


# Tokenizers in the folder.


def library(extra: dict[str, int] | None = None) -> Tokenizer:
    """Bytes, the merges "ab" and "abc", then end-of-text: 259 tokens."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: i for i, letter in enumerate(letters)} | {"ab": 256, "abc": 257}
    vocabulary |= extra or {}
    found = Tokenizer(models.BPE(vocab=vocabulary, merges=[("a", "b"), ("ab", "c")]))
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    return found


@pytest.fixture
def spoken(folder: Folder) -> Path:
    """A folder whose vocabulary fits the tokenizer above."""
    random = np.random.default_rng(2)
    wte = random.standard_normal((300, 4)).astype(np.float32)
    return folder({"vocab_size": 300, "eos_token_id": 50256}, {"wte.weight": wte})


def test_tokenizer_json(spoken: Path, tmp_path: Path) -> None:
    full = library()
    full.add_special_tokens([END])
    full.save(str(spoken / "tokenizer.json"))
    found = convert(spoken, tmp_path / "out")
    assert found.tokenizer == tmp_path / "out" / "tokenizer.bin"
    assert found.encoder is None
    tokenizer = open_tokenizer(found.tokenizer)
    assert (tokenizer.vocabulary, tokenizer.end) == (259, 258)
    assert tokenizer.token(258) == END.encode()
    assert tokenizer.encode("abcab c" + END) == full.encode("abcab c" + END).ids
    assert sorted(os.listdir(tmp_path / "out")) == ["model.bin", "tokenizer.bin"]


def test_vocab_json_and_merges_txt(spoken: Path, tmp_path: Path) -> None:
    full = library({END: 258})
    (spoken / "vocab.json").write_text(json.dumps(full.get_vocab()))
    (spoken / "merges.txt").write_text("#version: 0.2\na b\nab c\n")
    found = convert(spoken, tmp_path / "out")
    assert found.tokenizer is not None
    assert found.encoder is None
    tokenizer = open_tokenizer(found.tokenizer)
    assert tokenizer.end == 258
    assert tokenizer.encode("abc ab") == full.encode("abc ab").ids


def test_a_tokenizer_whose_ids_do_not_tell_the_merges(spoken: Path, tmp_path: Path) -> None:
    full = library()
    full.add_special_tokens([END, "<pad>"])
    full.save(str(spoken / "tokenizer.json"))
    found = convert(spoken, tmp_path / "out")
    assert found.encoder == tmp_path / "out" / "tokenizer.json"
    assert found.tokenizer is not None
    assert open_tokenizer(found.tokenizer).encode("abc<pad>") == [257, 259]


def test_end_of_text_by_the_config(spoken: Path, tmp_path: Path) -> None:
    library().save(str(spoken / "tokenizer.json"))
    text = shown(spoken, tmp_path / "out")
    assert "expected a token <|endoftext|>, or config.json's eos_token_id" in text
    assert "(eos_token_id: 50256)" in text
    config = json.loads((spoken / "config.json").read_text())
    (spoken / "config.json").write_text(json.dumps(config | {"eos_token_id": 257}))
    found = convert(spoken, tmp_path / "out")
    assert found.tokenizer is not None
    assert open_tokenizer(found.tokenizer).end == 257


def test_more_tokens_than_embeddings(folder: Folder, tmp_path: Path) -> None:
    path = folder()
    library({END: 258}).save(str(path / "tokenizer.json"))
    text = shown(path, tmp_path / "out")
    assert "tokenizer.json: expected at most 5 tokens, config.json's vocab_size, found 259" in text


@pytest.mark.parametrize("name", ["tokenizer.bin", "tokenizer.json", "vocab.json"])
def test_another_model_s_tokenizer_is_not_left_beside(
    folder: Folder, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("")
    with pytest.raises(UserError) as caught:
        convert(folder(), out)
    assert f"{out / name}: this file would stay beside the new checkpoint" in str(caught.value)
    assert os.listdir(out) == [name]


def test_converting_again_replaces(spoken: Path, tmp_path: Path) -> None:
    library({END: 258}).save(str(spoken / "tokenizer.json"))
    convert(spoken, spoken)
    first = (spoken / "model.bin").read_bytes()
    convert(spoken, spoken, "bf16")
    assert open_checkpoint(spoken / "model.bin").config.dtype == "bf16"
    convert(spoken, spoken)
    assert (spoken / "model.bin").read_bytes() == first
