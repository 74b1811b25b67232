"""What do bf16 and 8-bit weights change?

    python benchmarks/gpt2_accuracy.py [--text tests/numeric/gpt2/austen.txt] [--random]

Of the embedded checkpoint: the perplexity of the text, the root mean square and the largest of the
differences of all logits to those of f32 (and the deviation of those), and how often the likeliest
token is the same. With ``--random`` also of a GPT-2 124M with random weights (seed 0) on 128
random tokens, whose perplexity says nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from pharos.ingress.checkpoints import convert, open_tokenizer
from pharos.models.gpt2 import embedded
from pharos.models.gpt2.model import Gpt2

TEXT = Path(__file__).parents[1] / "tests" / "numeric" / "gpt2" / "austen.txt"


def perplexity(logits: np.ndarray, ids: list[int]) -> float:
    """exp of the mean loss of each token after the first; ``logits`` (T, V)."""
    rows = logits[:-1].astype(np.float64)
    peaks = rows.max(axis=1)
    sums = np.log(np.exp(rows - peaks[:, None]).sum(axis=1)) + peaks
    return float(np.exp((sums - rows[np.arange(len(rows)), ids[1:]]).mean()))


def compare(path: Path, ids: list[int]) -> None:
    """Print a row for each way to store the weights of the checkpoint."""
    exact = Gpt2.load(path, dtype="f32").logits(ids)
    print(f"{path.name}, {len(ids)} tokens, f32 logits with a deviation of {exact.std():.3f}")
    print(f"{'weights':8} {'perplexity':>10} {'rms':>8} {'largest':>8} {'same token':>10}")
    for dtype in ("f32", "bf16", "int8"):
        found = Gpt2.load(path, dtype=dtype).logits(ids)
        off = np.abs(found - exact)
        same = (found.argmax(axis=1) == exact.argmax(axis=1)).mean()
        print(
            f"{dtype:8} {perplexity(found, ids):10.3f} {np.sqrt((off**2).mean()):8.4f} "
            f"{off.max():8.4f} {same:10.1%}"
        )


def random_checkpoint(folder: str) -> Path:
    """A GPT-2 124M with random weights in f32."""
    from gpt2_contestants import random_model

    random_model().save_pretrained(folder)
    return convert(folder, Path(folder) / "f32", "f32").model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, default=TEXT)
    parser.add_argument("--random", action="store_true", help="also of a random 124M")
    options = parser.parse_args()
    model, vocabulary = embedded.paths()
    tokenizer = open_tokenizer(vocabulary)
    compare(model, [tokenizer.end, *tokenizer.encode(options.text.read_text())])
    if options.random:
        with tempfile.TemporaryDirectory() as folder:
            ids = np.random.default_rng(0).integers(0, 50257, 128).tolist()
            compare(random_checkpoint(folder), ids)


if __name__ == "__main__":
    main()
