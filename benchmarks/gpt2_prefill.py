"""How fast does GPT-2 read a prompt, beside PyTorch's best and llama.cpp?

    python benchmarks/gpt2_prefill.py [--prompt 1024] [--turns 5] [--llama PYTHON] [--json FILE]

Makes a GPT-2 124M with random weights (seed 0), and lets every contestant read the same random
prompt into an empty cache, for the logits after its last token. Those are compared first; then the
contestants take turns, after one to warm up. Hugging Face runs with PyTorch's fused attention and
computes the last logits only. A prompt takes 2 operations for each weight of a matrix and token,
and those of attention, of which a causal mask leaves half.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from gpt2_contestants import (
    Contestant,
    agreeing,
    arguments,
    random_model,
    summary,
    write_json,
)

from pharos.core import settings

RIVALS = ("huggingface f32", "huggingface bf16", "llama.cpp bf16", "llama.cpp q8_0")


def operations(model: torch.nn.Module, tokens: int) -> float:
    """Floating-point operations to read ``tokens``: products with weights, and causal attention."""
    config = model.config
    layer = 12 * config.n_embd**2
    attention = 2 * tokens * config.n_embd
    return config.n_layer * tokens * (2 * layer + attention)


def race(contestants: dict[str, Contestant], ids: list[int], turns: int) -> dict[str, list[float]]:
    """Seconds of each contestant, in turns."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(turns):
        for name, contestant in contestants.items():
            times[name].append(contestant.prefill(ids)[0])
    return times


def report(
    times: dict[str, list[float]], work: float, threads: int, prompt: int, path: Path | None
) -> None:
    print(f"{threads} threads, {prompt} tokens, {work / 1e9:.0f} G operations")
    print(f"{'ms':18} {'min':>8} {'median':>8} {'iqr':>8} {'GFLOP/s':>8}")
    rows = {}
    for name, seconds in times.items():
        row = rows[name] = summary(seconds)
        row["gflops"] = work / row["median"] / 1e6
        print(
            f"{name:18} {row['min']:8.0f} {row['median']:8.0f} {row['iqr']:8.0f} "
            f"{row['gflops']:8.0f}"
        )
    for ours in (name for name in rows if name.startswith("pharos")):
        for theirs in (name for name in RIVALS if name in rows):
            least, middle = (rows[theirs][key] / rows[ours][key] for key in ("min", "median"))
            print(f"{ours}: {middle:.2f} times as fast as {theirs} (minima: {least:.2f})")
    write_json(path, threads, prompt=prompt, rows=rows)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--prompt", type=int, default=1024, help="tokens")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    threads = settings.THREADS.get()
    torch.set_num_threads(threads)
    model = random_model()
    work = operations(model, options.prompt)
    ids = np.random.default_rng(0).integers(0, 50257, options.prompt).tolist()
    with agreeing(model, ids, options, threads) as contestants:
        times = race(contestants, ids, options.turns)
    report(times, work, threads, options.prompt, options.json)


if __name__ == "__main__":
    main()
