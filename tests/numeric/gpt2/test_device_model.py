"""GPT-2 on simulated GPUs: the CPU's tokens, logits near float64, one launch per token."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pharos import toolchain
from pharos.core.errors import UserError
from pharos.ingress.checkpoints import Config, open_checkpoint, write_checkpoint
from pharos.models.gpt2 import embedded
from pharos.models.gpt2.device_model import DeviceGpt2
from pharos.models.gpt2.device_payload import decoding, reading
from pharos.models.gpt2.generate import Sampling, generate
from pharos.models.gpt2.model import Gpt2
from pharos.runtime import Buffer

sys.path.insert(0, str(Path(__file__).parents[1] / "checkpoints"))
import numpy_gpt2

SIMULATED = ["nvidia:sim", "amd:sim", "xegpu:sim"]
PATH, TOKENIZER = embedded.paths()
START = 2047  # of the embedded vocabulary, the end of a text
# Nothing divides by a tile: head size 20, 131 tokens, 41 positions.
ODD = Config(max_sequence=41, vocabulary=131, layers=2, heads=3, channels=60, padded_vocabulary=192)


@pytest.fixture(scope="module")
def loaded():
    """``loaded("amd:sim")``: the embedded checkpoint on that device, for texts of 8 tokens."""
    made: dict[str, DeviceGpt2] = {}

    def get(target: str) -> DeviceGpt2:
        if target not in made:
            made[target] = DeviceGpt2.load(PATH, target=target, positions=8, prompt=1)
        return made[target]

    return get


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """The path of a checkpoint of random weights."""
    path = tmp_path_factory.mktemp("odd") / "model.bin"
    rng = np.random.default_rng(3)
    weights = {n: (rng.standard_normal(s) * 0.3).astype(np.float32) for n, s in ODD.shapes.items()}
    write_checkpoint(path, ODD, weights)
    return path


@pytest.mark.parametrize("target", SIMULATED)
def test_tokens_are_the_cpus_and_logits_near_float64(loaded, target):
    model = loaded(target)
    first = model.prefill([START])
    rows, ids = [np.asarray(first)], [START, first.argmax()]
    second = model.step(ids[-1])
    rows.append(np.asarray(second))
    found = [*ids[1:], int(np.argmax(second))]
    assert found[-1] == int(np.argmax(rows[-1]))
    # Embedding; two norms, four products, cache and attention in each layer; the last norm,
    # logits, the likeliest with the position.
    assert model.launches == 1 + 8 * model.checkpoint.config.layers + 3
    assert found == list(generate(Gpt2.load(PATH, positions=8), [START], 2, Sampling()))
    assert np.abs(np.array(rows) - numpy_gpt2.logits(model.checkpoint, np.array(ids))).max() < 1e-4


def test_a_token_is_one_launch_and_nothing_is_brought_to_the_device(loaded, monkeypatch):
    model, done = loaded("nvidia:sim"), []
    launch, copy = model.graphs.token.launch, model.device.copy

    def noted(source, target, *rest):
        done.extend(["copy"] if isinstance(target, Buffer) else [])
        copy(source, target, *rest)

    logits = model.prefill([START])
    monkeypatch.setattr(model.graphs.token, "launch", lambda: (done.append("launch"), launch()))
    monkeypatch.setattr(model.device, "copy", noted)
    logits = model.step(logits.argmax(), 1)
    assert done == ["launch"]
    model.step(logits.argmax() ^ 1, 2)
    # The last token is one that the device has not chosen.
    assert done == ["launch", "copy", "launch"]


def test_logits_that_are_not_numbers_are_refused(loaded):
    model = loaded("nvidia:sim")
    bias = model.graphs.weights.lnfb
    before = model.device.download(bias)
    model.device.copy(np.full_like(before, np.nan), bias)
    with pytest.raises(UserError, match="the logits are not numbers"):
        model.prefill([START]).argmax()
    model.device.copy(before, bias)
    assert model.prefill([START]).argmax() < START


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda m: m.prefill([]), "expected 1 to 8 tokens, found 0"),
        (lambda m: m.prefill([1] * 9), "expected 1 to 8 tokens, found 9"),
        (lambda m: m.prefill([2048]), "expected token ids from 0 to 2047, found 2048"),
        (lambda m: m.step(-1, m._position), "found -1"),
        (lambda m: m.step(1, 7), "expected the token at position 0 of 8, found one at 7"),
        (lambda m: DeviceGpt2.load(PATH, target="amd:sim", positions=257), "at most 256 positions"),
        (lambda m: DeviceGpt2.load(PATH, target="amd:sim", dtype="f16"), "expected dtype f32 or"),
        (lambda m: DeviceGpt2.load(PATH, target="gpu"), "expected a target among"),
    ],
)
def test_mistakes_are_refused(loaded, run, message):
    model = loaded("nvidia:sim")
    model._position = 0
    with pytest.raises(UserError) as error:
        run(model)
    assert message in error.value.message


@pytest.mark.slow
@pytest.mark.parametrize("target", SIMULATED)
@pytest.mark.parametrize("dtype", ["bf16", "f32"])
def test_a_prompt_and_more_tokens(target, dtype):
    prompt = open_tokens("It is a truth universally acknowledged, that")
    model = DeviceGpt2.load(PATH, dtype=dtype, target=target, positions=64, prompt=len(prompt))
    expected = list(generate(Gpt2.load(PATH, dtype=dtype), prompt, 24, Sampling()))
    assert list(generate(model, prompt, 24, Sampling())) == expected


@pytest.mark.slow
@pytest.mark.parametrize("target", ["cpu", *SIMULATED])
@pytest.mark.parametrize("dtype", ["bf16", "f32"])
def test_logits_of_every_position_of_several_chunks(odd, target, dtype):
    ids = np.random.default_rng(5).integers(0, ODD.vocabulary, 41)
    model = DeviceGpt2.load(odd, dtype=dtype, target=target, prompt=8)
    checkpoint = open_checkpoint(odd)
    if dtype == "bf16":
        rounded(checkpoint, model)
    expected = numpy_gpt2.logits(checkpoint, ids)
    assert np.abs(model.logits(ids.tolist()) - expected).max() < 1e-4
    assert np.abs(np.asarray(model.prefill(ids[:19].tolist())) - expected[18]).max() < 1e-4
    steps = [np.asarray(model.step(int(ids[at]), at)) for at in range(19, 41)]
    assert np.abs(np.array(steps) - expected[19:]).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    "target", ["nvidia:sm_80:sim", "amd:gfx942:sim", "amd:gfx1151:sim", "xegpu:pvc:sim"]
)
def test_the_other_chips(odd, target):
    ids = [5, 99, 130, 0, 7, 7, 64, 20, 31, 2, 11]
    model = DeviceGpt2.load(odd, target=target, prompt=8)
    expected = numpy_gpt2.logits(open_checkpoint(odd), np.array(ids))
    assert np.abs(np.asarray(model.prefill(ids[:-1])) - expected[-2]).max() < 1e-4
    assert np.abs(np.asarray(model.step(ids[-1], 10)) - expected[-1]).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("target", SIMULATED)
def test_texts_end_where_positions_end_and_draws_follow_the_seed(odd, target):
    model, reference = DeviceGpt2.load(odd, target=target, prompt=3), Gpt2.load(odd)
    sampling = Sampling(temperature=1.5, top_k=20, seed=4)
    found = list(generate(model, [1, 2, 3], 100, sampling))
    assert len(found) == 41 - 3 + 1
    assert found == list(generate(reference, [1, 2, 3], 100, sampling))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["nvidia", "amd", "xegpu"])
def test_124m_has_code_for_every_vendor(target):
    config = Config(
        max_sequence=1024, vocabulary=50257, layers=12, heads=12, channels=768,
        padded_vocabulary=50304,
    )  # fmt: skip
    for payload in (decoding(config, "bf16", 1024), reading(config, "bf16", 1024, 64)):
        artifact = toolchain.compile(payload, toolchain.Request(target))
        assert len(artifact.entries) == 3
        for kernel in artifact.metadata["report"].values():
            assert not any(kernel[name] for name in kernel if name in ("spill_stores", "scratch"))


def open_tokens(text: str) -> list[int]:
    from pharos.ingress.checkpoints import open_tokenizer

    return open_tokenizer(TOKENIZER).encode(text)


def rounded(checkpoint, model) -> None:
    """The weights as the model has stored them."""
    from pharos.models.gpt2.device_payload import MATRICES
    from pharos.models.gpt2.weights import DTYPES

    for name in MATRICES:
        narrow = checkpoint.tensors[name].astype(DTYPES[model.dtype])
        checkpoint.tensors[name] = narrow.astype(np.float32)
