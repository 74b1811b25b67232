"""What the embedded checkpoint writes, computed in numpy from its bytes."""

from __future__ import annotations

import numpy as np
from numpy_gpt2 import logits

from pharos.ingress.checkpoints import open_checkpoint, open_tokenizer
from pharos.models.gpt2.embedded import paths


def test_greedy_text_is_the_recorded_sample() -> None:
    model, words = paths()
    checkpoint, tokenizer = open_checkpoint(model), open_tokenizer(words)
    sample = model.with_name("README.md").read_text().split("```text\n")[1].split("```")[0]
    ids = [tokenizer.end]
    for _ in range(32):
        ids.append(int(logits(checkpoint, np.array(ids))[-1].argmax()))
    text = tokenizer.decode(ids[1:])
    assert len(text.split()) > 15
    assert " ".join(sample.split()).startswith(" ".join(text.split()))
