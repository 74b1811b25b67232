"""pharos gpt2: text as it comes, logits, descriptions, conversion, and what is refused."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from tools_random_gpt2 import write_model

from pharos.ingress.checkpoints import Config, open_tokenizer, write_tokenizer
from pharos.models.gpt2.model import Gpt2

CONFIGURATION = re.compile(
    r"GPT-2 with 2 layers, 2 heads, 16 channels, 258 tokens, 48 positions: "
    r"[\d,]+ parameters in f32 on cpu"
)
TIMES = re.compile(
    r"load [\d.]+ ms, compile [\d.]+ ms, prefill [\d.]+ ms of (\d+) tokens?, "
    r"([\d.]+|-) ms/token median, ([\d.]+|-) tokens/s, (\d+) tokens?"
)


@pytest.fixture
def generate(pharos, tiny):
    """``generate("--tokens", 5)`` with the tiny checkpoint."""
    return lambda *options: pharos("gpt2", "generate", "--checkpoint", tiny / "model.bin", *options)


def test_text_then_configuration_then_times(generate):
    found = generate("--prompt", "Once", "--tokens", 8)
    text, _, rest = found.out.rpartition("\n\n")
    configuration, times = rest.splitlines()
    assert (found.status, found.err) == (0, "")
    assert text.startswith("Once") and len(text) > len("Once")
    assert CONFIGURATION.fullmatch(configuration)
    match = TIMES.fullmatch(times)
    assert match and match[1] == "4" and match[4] == "8" and float(match[2]) > 0


@pytest.mark.slow
def test_text_from_a_simulated_device_says_so(generate):
    found = generate("--prompt", "Once", "--tokens", 3, "--target", "amd:gfx1151:sim")
    configuration, times, kernels, simulated = found.out.rpartition("\n\n")[2].splitlines()
    assert (found.status, found.err) == (0, "")
    assert configuration.endswith("parameters in f32 on amd:gfx1151:sim")
    match = TIMES.fullmatch(times)
    assert match and match[1] == "4" and match[4] == "3"
    assert re.fullmatch(r"\d+ kernels in one launch per token", kernels)
    assert simulated == "simulated: the times say nothing about the chip"
    assert found.out.startswith(generate("--prompt", "Once", "--tokens", 3).out.partition("\n")[0])


def test_json_has_ids_text_and_times(generate, tiny):
    data = json.loads(generate("--tokens", 8, "--prompt", "abc", "--json").out)
    tokenizer = open_tokenizer(tiny / "tokenizer.bin")
    assert data["prompt"] == [256, ord("c")] and len(data["tokens"]) == 8
    assert data["text"] == "abc" + tokenizer.decode(data["tokens"])
    assert data["interrupted"] is False and data["config"]["layers"] == 2
    assert all(data["timing"][key] >= 0 for key in ("load_s", "compile_s", "prefill_s"))
    assert data["timing"]["tokens_per_second"] > 0


def test_greedy_tokens_are_the_models_likeliest(generate, tiny):
    data = json.loads(generate("--tokens", 6, "--json").out)
    assert data["prompt"] == [257]  # the end of text, where there is no prompt
    model = Gpt2.load(tiny / "model.bin")
    ids = [257]
    for token in data["tokens"]:
        assert token == int(np.argmax(model.logits(ids)[-1]))
        ids.append(token)


def test_sampling_follows_the_seed(generate):
    def ids(seed):
        options = ("--tokens", 20, "--temperature", 1.5, "--top-k", 50, "--seed", seed, "--json")
        return json.loads(generate(*options).out)["tokens"]

    assert ids(1) == ids(1) != ids(2)


def test_one_likely_token_is_greedy(generate):
    greedy = json.loads(generate("--tokens", 10, "--json").out)["tokens"]
    options = ("--temperature", 5, "--top-k", 1, "--json", "--tokens", 10)
    assert json.loads(generate(*options).out)["tokens"] == greedy


def test_weights_may_be_converted(generate, monkeypatch):
    asked = []
    load = Gpt2.load

    def note(path, *, dtype, **options):
        asked.append(dtype)
        return load(path, dtype=None, **options)

    monkeypatch.setattr(Gpt2, "load", note)
    assert generate("--tokens", 1, "--dtype", "bf16").status == 0
    assert generate("--tokens", 1).status == 0
    assert asked == ["bf16", None]


def test_weights_of_8_bits(generate):
    assert json.loads(generate("--weights", "int8", "--tokens", 4, "--json").out)["dtype"] == "int8"


def test_no_tokens(generate):
    found = generate("--tokens", 0, "--prompt", "x")
    assert found.out.startswith("x\n\nGPT-2 with")
    assert "- ms/token median, - tokens/s, 0 tokens" in found.out


def test_the_text_ends_where_the_positions_end(generate):
    # 48 positions: the last one's logits give one token more.
    found = generate("--tokens", 100)
    assert "48 tokens\nstopped: the model has 48 positions\n" in found.out
    assert len(json.loads(generate("--tokens", 100, "--json").out)["tokens"]) == 48
    assert "stopped" not in generate("--tokens", 48).out


def test_characters_of_several_tokens_are_whole(generate, tiny, environment, monkeypatch):
    # Every token is one byte, so each character comes in pieces.
    text = "aé€🙂"
    ids = list(text.encode())
    monkeypatch.setattr("pharos.tools.text.generate", lambda *a, **k: iter(ids))
    assert generate("--tokens", len(ids)).out.startswith(f"{text}\n\n")
    monkeypatch.setattr("pharos.tools.text.generate", lambda *a, **k: iter(ids[:-1]))
    assert generate("--tokens", len(ids)).out.startswith("aé€�\n\n")


def test_text_streams_and_ctrl_c_keeps_the_times(process, tmp_path):
    config = Config(
        max_sequence=60_000, vocabulary=258, layers=1, heads=1, channels=8, padded_vocabulary=384
    )
    write_model(tmp_path / "model.bin", config)
    letters = [b"x"] * 257 + [b"<|endoftext|>"]
    write_tokenizer(tmp_path / "tokenizer.bin", letters, 257)
    program = process(
        "gpt2", "generate", "--checkpoint", tmp_path / "model.bin", "--tokens", 50_000
    )
    assert program.stdout is not None
    # Past Python's buffer, which communicate() does not know of.
    first = os.read(program.stdout.fileno(), 10).decode()
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=60)
    text, _, rest = (first + out).rpartition("\n\n")
    assert (program.returncode, err) == (130, "")
    assert set(text) == {"x"} and len(first) <= len(text) < 50_000
    match = TIMES.fullmatch(rest.splitlines()[1])
    assert match and int(match[4]) == len(text)


def test_logits_are_the_models(pharos, tiny, environment):
    ids = [257, 104, 105]
    options = ("--checkpoint", tiny / "model.bin", "--ids", "257,104,105", "-o", "out/l.npy")
    found = pharos("gpt2", "logits", *options)
    assert (found.status, found.out) == (0, "out/l.npy: float32 (3, 258)\n")
    array = np.load("out/l.npy")
    assert array.dtype == np.float32
    assert np.array_equal(array, Gpt2.load(tiny / "model.bin").logits(ids))
    assert [path.name for path in (environment / "out").iterdir()] == ["l.npy"]


def test_info(pharos, tiny):
    found = pharos("gpt2", "info", tiny / "model.bin")
    assert found.out.startswith(f"{tiny / 'model.bin'}\n")
    data = json.loads(pharos("gpt2", "info", tiny / "model.bin", "--json").out)
    assert data["layers"] == 2 and data["dtype"] == "f32" and data["head_size"] == 8
    assert data["file_bytes"] == (tiny / "model.bin").stat().st_size
    assert data["parameter_bytes"] == 4 * data["parameters"]
    for name in data:
        assert f"  {name} " in found.out


def test_convert(pharos, environment):
    from safetensors.numpy import save_file

    (environment / "hf").mkdir()
    fields = {"vocab_size": 5, "n_positions": 8, "n_layer": 1, "n_head": 2, "n_embd": 4}
    config = {"model_type": "gpt2", "activation_function": "gelu_new", **fields}
    (environment / "hf/config.json").write_text(json.dumps(config))
    shapes = {
        "wte.weight": (5, 4), "wpe.weight": (8, 4), "ln_f.weight": (4,), "ln_f.bias": (4,),
        "h.0.ln_1.weight": (4,), "h.0.ln_1.bias": (4,),
        "h.0.attn.c_attn.weight": (4, 12), "h.0.attn.c_attn.bias": (12,),
        "h.0.attn.c_proj.weight": (4, 4), "h.0.attn.c_proj.bias": (4,),
        "h.0.ln_2.weight": (4,), "h.0.ln_2.bias": (4,),
        "h.0.mlp.c_fc.weight": (4, 16), "h.0.mlp.c_fc.bias": (16,),
        "h.0.mlp.c_proj.weight": (16, 4), "h.0.mlp.c_proj.bias": (4,),
    }  # fmt: skip
    tensors = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    save_file(tensors, str(environment / "hf/model.safetensors"))
    found = pharos("gpt2", "convert", "hf", "-o", "out", "--dtype", "bf16")
    assert (found.status, found.out) == (0, "wrote out/model.bin\n")
    assert json.loads(pharos("gpt2", "info", "out/model.bin", "--json").out)["dtype"] == "bf16"
    data = json.loads(pharos("gpt2", "convert", "hf", "-o", "out", "--json").out)
    assert data == {"model": "out/model.bin", "tokenizer": None, "encoder": None}
    # A checkpoint without a tokenizer cannot speak.
    mute = pharos("gpt2", "generate", "--checkpoint", "out/model.bin")
    assert mute.status == 1 and "found no out/tokenizer.bin" in mute.err
    assert "hint: name one with --tokenizer FILE" in mute.err


ERRORS = [
    (["generate", "--checkpoint", "missing.bin"], "missing.bin"),
    (["generate", "--checkpoint", "TOKENIZER"], "field magic: expected 20240326"),
    (["generate", "--checkpoint", "MODEL", "--tokenizer", "MODEL"], "expected 20240328"),
    (["generate", "--checkpoint", "MODEL", "--tokenizer", "missing.bin"], "missing.bin"),
    (["generate", "--checkpoint", "MODEL", "--dtype", "f16"], "expected dtype f32, bf16 or int8"),
    (["generate", "--checkpoint", "MODEL", "--target", "gpu"], "expected a target among"),
    (["generate", "--checkpoint", "MODEL", "--prompt", "x" * 60], "found 60"),
    (["generate", "--checkpoint", "MODEL", "--temperature", "-1"], "temperature of 0 or more"),
    (["generate", "--checkpoint", "MODEL", "--temperature", "nan"], "temperature of 0 or more"),
    (["generate", "--checkpoint", "MODEL", "--top-k", "-1"], "top-k of 0 (all) or more"),
    (["generate", "--checkpoint", "SMALL", "--tokenizer", "TOKENIZER"], "expected at most 100"),
    (["logits", "--checkpoint", "MODEL", "--ids", "", "-o", "l"], "--ids:1:1: error: item 0"),
    (["logits", "--checkpoint", "MODEL", "--ids", "1,2x,3", "-o", "l"], "--ids:1:3: error"),
    (["logits", "--checkpoint", "MODEL", "--ids", "1,-2", "-o", "l"], "found '-2'"),
    (["logits", "--checkpoint", "MODEL", "--ids", "1,,2", "-o", "l"], "item 1: expected a token"),
    (["logits", "--checkpoint", "MODEL", "--ids", "258", "-o", "l"], "from 0 to 257, found 258"),
    (["logits", "--checkpoint", "MODEL", "--ids", "1" + ",1" * 48, "-o", "l"], "found 49"),
    (["logits", "--checkpoint", "MODEL", "--ids", "1", "-o", "MODEL/l"], "cannot write"),
    (["info", "missing.bin"], "missing.bin"),
    (["info", "."], "hint: give the file, not its folder"),
    (["convert", "missing", "-o", "out"], "missing/config.json"),
    (["convert", ".", "-o", "out", "--dtype", "f16"], "dtype: expected one of f32, bf16"),
]


@pytest.mark.parametrize(("arguments", "message"), ERRORS)
def test_mistakes_are_named(pharos, tiny, environment, arguments, message):
    small = Config(
        max_sequence=8, vocabulary=100, layers=1, heads=1, channels=4, padded_vocabulary=128
    )
    write_model(environment / "small.bin", small)
    names = {
        "MODEL": tiny / "model.bin",
        "TOKENIZER": tiny / "tokenizer.bin",
        "SMALL": environment / "small.bin",
    }

    def spelled(text: str) -> str:
        first, _, rest = text.partition("/")
        return str(Path(names[first], rest) if first in names else text)

    found = pharos("gpt2", *map(spelled, arguments))
    assert found.status == 1 and found.out == ""
    assert message in found.err and "Traceback" not in found.err
    assert not (environment / "l").exists()
