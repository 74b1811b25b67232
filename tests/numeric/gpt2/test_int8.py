"""Weights as 8-bit integers with a scale for each row: the same function of rounded weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pharos.ingress.checkpoints import open_tokenizer
from pharos.models.gpt2 import embedded
from pharos.models.gpt2.model import Gpt2
from pharos.models.gpt2.weights import SCALED, quantised

PATH, TOKENIZER = embedded.paths()
# The beginning of the novel that the embedded checkpoint was trained on (1813).
TEXT = Path(__file__).with_name("austen.txt").read_text()


def rounded(model: Gpt2) -> Gpt2:
    """The model in f32 with the weights that ``model`` has rounded."""
    other = Gpt2.load(model.checkpoint.path, dtype="f32")
    names = list(model.checkpoint.config.shapes)
    for name, scales in zip(SCALED, model.scales, strict=True):
        number = names.index(name)
        other.weights[number] = model.weights[number].astype(np.float32) * scales[..., None]
    return other


def perplexity(model: Gpt2, ids: list[int]) -> tuple[float, np.ndarray]:
    """exp of the mean loss of each token after the first, and all logits."""
    logits = model.logits(ids)
    rows = logits[:-1].astype(np.float64)
    peaks = rows.max(axis=1, keepdims=True)
    sums = np.log(np.exp(rows - peaks).sum(axis=1)) + peaks[:, 0]
    losses = sums - rows[np.arange(len(rows)), ids[1:]]
    return float(np.exp(losses.mean())), logits


def test_rows_are_rounded_to_the_nearest_of_255_numbers():
    array = np.random.default_rng(0).normal(size=(2, 300, 40)).astype(np.float32)
    array[1, 7] = 0
    small, scales = quantised(array)
    assert (small.dtype, scales.dtype, scales.shape) == (np.int8, np.float32, (2, 300))
    np.testing.assert_allclose(scales, np.abs(array).max(axis=-1) / 127, rtol=1e-6)
    error = np.abs(small * scales[..., None].astype(np.float64) - array)
    assert np.all(error <= scales[..., None] * 0.5001)
    assert not small[1, 7].any()
    assert np.abs(small).max() == 127


def test_the_program_computes_with_the_rounded_weights():
    model = Gpt2.load(PATH, dtype="int8", positions=3)
    other = rounded(model)
    for place, token in enumerate((7, 2047, 300)):
        assert np.abs(model.step(token, place) - other.step(token, place)).max() < 1e-4


@pytest.mark.slow
def test_a_prompt_and_a_token_after_it():
    model = Gpt2.load(PATH, dtype="int8")
    other = rounded(model)
    ids = np.random.default_rng(1).integers(0, 2048, 21).tolist()
    assert np.abs(model.prefill(ids) - other.prefill(ids)).max() < 1e-4
    assert np.abs(model.step(9, 21) - other.step(9, 21)).max() < 1e-4


@pytest.mark.slow
def test_several_tokens_at_any_position():
    model = Gpt2.load(PATH, dtype="int8")
    ids = np.random.default_rng(1).integers(0, 2048, 90).tolist()
    assert np.abs(model.logits(ids) - rounded(model).logits(ids)).max() < 1e-4


@pytest.mark.slow
def test_what_rounding_costs_the_embedded_checkpoint():
    tokenizer = open_tokenizer(TOKENIZER)
    ids = [tokenizer.end, *tokenizer.encode(TEXT)]
    exact, logits = perplexity(Gpt2.load(PATH, dtype="f32"), ids)
    found, others = perplexity(Gpt2.load(PATH, dtype="int8"), ids)
    assert len(ids) > 120
    assert found < 1.03 * exact
    assert np.sqrt(((others - logits) ** 2).mean()) < 0.15
