"""The files that the package brings: whole, small, and recorded."""

from __future__ import annotations

import hashlib

from pharos.ingress.checkpoints import check_pair, open_checkpoint, open_tokenizer
from pharos.models.gpt2.embedded import paths

README = paths()[0].with_name("README.md").read_text()


def test_they_load_and_belong_together() -> None:
    model, words = paths()
    checkpoint, tokenizer = open_checkpoint(model), open_tokenizer(words)
    check_pair(checkpoint.config, tokenizer)
    assert checkpoint.config.dtype == "bf16"
    assert checkpoint.config.max_sequence >= 256
    assert tokenizer.vocabulary == checkpoint.config.vocabulary
    assert tokenizer.token(tokenizer.end) == b"<|endoftext|>"


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in paths()) < 4_000_000


def test_any_text_can_be_said() -> None:
    tokenizer = open_tokenizer(paths()[1])
    text = "It is a truth universally acknowledged, 日本 🎉\n\ttab<|endoftext|>"
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert ids[-1] == tokenizer.end
    assert len(tokenizer.encode(" universally acknowledged")) < 8


def test_the_record_is_of_these_files() -> None:
    for path in paths():
        assert f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" in README
