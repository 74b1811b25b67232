"""GPT-2 in Lispier against transformers: logits, greedy tokens, the cache, the limits."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.core.errors import UserError
from pharos.models.gpt2.generate import Record, Sampling, choose, generate
from pharos.models.gpt2.model import CHUNK, Gpt2

pytestmark = pytest.mark.reference


@pytest.mark.parametrize("name", ["tiny", "odd", "355M wide", "774M wide", "124M"])
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_logits_equal_transformers(references, tokens, name, dtype):
    reference = references(name)
    model = Gpt2.load(getattr(reference, dtype))
    config = model.checkpoint.config
    ids = tokens(min(64, config.max_sequence), config.vocabulary)
    expected = reference.logits(ids, rounded=dtype == "bf16")
    found = model.logits(ids)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_the_longest_text(references, tokens, dtype):
    reference = references("124M")
    ids = tokens(1024, 50257)
    expected = reference.logits(ids, rounded=dtype == "bf16")[-1]
    assert np.abs(Gpt2.load(getattr(reference, dtype)).prefill(ids) - expected).max() < 1e-3


def test_a_text_of_several_chunks(references, tokens):
    reference = references("tiny")
    ids = tokens(CHUNK + 23, 257)
    found = Gpt2.load(reference.f32).logits(ids)
    assert np.abs(found - reference.logits(ids)).max() < 1e-4


@pytest.mark.parametrize("name", ["odd", "124M"])
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_the_cache_gives_what_full_recomputation_gives(references, tokens, name, dtype):
    model = Gpt2.load(getattr(references(name), dtype))
    ids = tokens(24, model.checkpoint.config.vocabulary)
    whole = model.logits(ids)
    steps = [model.forward([token], place)[0].copy() for place, token in enumerate(ids)]
    assert np.abs(np.array(steps) - whole).max() < 1e-4


def test_greedy_tokens_equal_transformers(references):
    import torch

    reference = references("124M")
    start = 50256
    with torch.no_grad():
        expected = reference.model.generate(
            torch.tensor([[start]]),
            max_new_tokens=64,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=start,
            attention_mask=torch.ones(1, 1),
        )[0, 1:].tolist()
    found = list(generate(Gpt2.load(reference.f32), [start], 64, Sampling()))
    assert found == expected


def test_a_checkpoint_of_the_other_type_is_converted(references, tokens):
    reference = references("odd")
    ids = tokens(20, 131)
    narrow = Gpt2.load(reference.f32, dtype="bf16").logits(ids)
    np.testing.assert_array_equal(narrow, Gpt2.load(reference.bf16).logits(ids))
    wide = Gpt2.load(reference.bf16, dtype="f32").logits(ids)
    assert np.abs(wide - narrow).max() < 1e-4


def test_runs_are_equal_bit_for_bit(references, tokens):
    model = Gpt2.load(references("odd").bf16)
    ids = tokens(30, 131)
    first = model.logits(ids)
    np.testing.assert_array_equal(first, model.logits(ids))
    np.testing.assert_array_equal(first, Gpt2.load(references("odd").bf16).logits(ids))


def test_weights_stay_mapped(references):
    model = Gpt2.load(references("tiny").bf16)
    assert all(np.shares_memory(w, model.checkpoint.data) for w in model.weights)


def test_generation_ends_where_the_positions_end(references):
    model = Gpt2.load(references("odd").f32)
    produced = list(generate(model, [1, 2, 3], 100, Sampling()))
    # Position 40 is the last that can be read; the token after it is chosen and not read.
    assert len(produced) == 41 - 3 + 1


def test_generation_ends_at_the_end_token(references):
    model = Gpt2.load(references("odd").f32)
    tokens = list(generate(model, [1], 12, Sampling()))
    end = tokens[5]
    assert list(generate(model, [1], 12, Sampling(), end=end)) == tokens[: tokens.index(end)]


def test_times_are_recorded(references):
    record = Record()
    list(generate(Gpt2.load(references("odd").f32), [1, 2], 5, Sampling(), record=record))
    assert (record.prompt, len(record.steps)) == (2, 4)
    assert record.prefill > 0
    assert record.ms_per_token() > 0
    assert record.tokens_per_second() > 0


def test_sampling():
    rng = np.random.default_rng
    logits = np.array([0.0, 3.0, 1.0, 2.0], np.float32)
    assert choose(logits, Sampling(), rng(0)) == 1
    assert choose(logits, Sampling(temperature=5, top_k=1), rng(0)) == 1
    drawn = {choose(logits, Sampling(temperature=100, top_k=2), rng(s)) for s in range(50)}
    assert drawn == {1, 3}
    counts = np.bincount([choose(logits, Sampling(temperature=1), rng(s)) for s in range(4000)])
    exact = np.exp(logits) / np.exp(logits).sum()
    assert np.abs(counts / 4000 - exact).max() < 0.03


def test_a_seed_repeats_a_text(references):
    model = Gpt2.load(references("tiny").f32)
    first, second, other = (
        list(generate(model, [5], 20, Sampling(temperature=2, seed=seed))) for seed in (1, 1, 2)
    )
    assert first == second != other


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda m: m.forward([131], 0), "expected token ids from 0 to 130, found 131"),
        (lambda m: m.forward([-1], 0), "found -1"),
        (lambda m: m.forward([], 0), "expected 1 to 41 tokens at position 0 of 41, found 0"),
        (lambda m: m.forward([1] * 3, 39), "expected 1 to 2 tokens at position 39 of 41, found 3"),
        (lambda m: m.forward([1, 2], 0, rows=3), "expected 1 to 2 rows of logits, found 3"),
        (lambda m: m.prefill([]), "expected at least one token"),
        (lambda m: list(generate(m, [], 1, Sampling())), "expected a prompt of at least one"),
        (lambda m: list(generate(m, [1], -1, Sampling())), "expected a number of tokens of 0"),
        (lambda m: Sampling(temperature=-1), "expected a temperature of 0 or more, found -1"),
        (lambda m: Sampling(temperature=float("nan")), "found nan"),
        (lambda m: Sampling(top_k=-2), "expected top-k of 0"),
        (lambda m: Sampling(seed=-2), "expected a seed of 0 or more"),
        (lambda m: Gpt2.load(m.checkpoint.path, dtype="f16"), "expected dtype f32, bf16 or int8"),
        (lambda m: Gpt2.load(m.checkpoint.path, positions=42), "expected at most 41 positions"),
        (lambda m: Gpt2.load(m.checkpoint.path, target="gpu"), "expected a target among cpu"),
    ],
)
def test_mistakes_are_refused(references, run, message):
    model = Gpt2.load(references("odd").f32)
    with pytest.raises(UserError) as error:
        run(model)
    assert message in error.value.message
