"""How fast does GPT-2 decode, beside Hugging Face and llama.cpp, and against the memory?

    python benchmarks/gpt2_decode.py [--tokens 64] [--llama PYTHON] [--json results.json]

Makes a GPT-2 124M with random weights (seed 0), checks that all contestants agree on the logits
after 32 tokens, and then times single-token steps with a KV cache, in turns so that a change of the
machine's speed hits every contestant: Pharos with f32, bf16 and 8-bit weights, Hugging Face in f32
and bf16, and llama.cpp with bf16 and Q8_0 where the Python of ``--llama`` (default: this one) has
the packages ``llama-cpp-python`` and ``gguf``. The floor is the time to read the weights once at
the read bandwidth, which is measured in the same turns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from gpt2_contestants import (
    READ_BYTES,
    Contestant,
    agreeing,
    arguments,
    random_model,
    reader,
    summary,
    write_json,
)

from pharos.core import settings

ROUND = 8  # tokens that one contestant makes before the next has its turn
# Bytes of a weight: int8 has 4 more for each row, Q8_0 2 for each 32 weights.
BYTES = {"f32": 4.0, "bf16": 2.0, "int8": 1.005, "q8_0": 1.0625}
RIVALS = (
    ("pharos f32", "huggingface f32"),
    ("pharos bf16", "huggingface bf16"),
    ("pharos bf16", "llama.cpp bf16"),
    ("pharos int8", "llama.cpp q8_0"),
)


def race(contestants: dict[str, Contestant], tokens: int) -> dict[str, list[float]]:
    """Seconds of each step of each contestant, in turns of ``ROUND`` after one warm-up turn."""
    read = reader()
    times: dict[str, list[float]] = {name: [] for name in (*contestants, "read")}
    for turn in range(tokens // ROUND + 1):
        for name, contestant in contestants.items():
            found = [contestant.step() for _ in range(ROUND)]
            times[name] += found if turn else []
        times["read"] += [read() for _ in range(2)]
    return times


def report(times: dict[str, list[float]], weights: int, threads: int, path: Path | None) -> None:
    read = summary(times.pop("read"))
    bandwidth = READ_BYTES / read["median"] / 1e6
    best = READ_BYTES / read["min"] / 1e6
    print(f"{threads} threads, read bandwidth {bandwidth:.1f} GB/s median, {best:.1f} GB/s best")
    print(f"{'ms/token':18} {'min':>8} {'median':>8} {'iqr':>8} {'of bandwidth':>13}")
    rows = {}
    for name, seconds in times.items():
        row = rows[name] = summary(seconds)
        size = weights * BYTES[name.split()[1]]
        row["share"] = size / row["median"] / 1e6 / bandwidth
        print(
            f"{name:18} {row['min']:8.2f} {row['median']:8.2f} {row['iqr']:8.2f} "
            f"{row['share']:12.0%}"
        )
    for ours, theirs in RIVALS:
        if ours in rows and theirs in rows:
            least, middle = (rows[theirs][key] / rows[ours][key] for key in ("min", "median"))
            print(f"{ours}: {middle:.2f} times as fast as {theirs} (minima: {least:.2f})")
    write_json(path, threads, bandwidth=bandwidth, rows=rows)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--tokens", type=int, default=64, help="timed tokens per contestant")
    options = parser.parse_args()
    threads = settings.THREADS.get()
    torch.set_num_threads(threads)
    model = random_model()
    ids = np.random.default_rng(0).integers(0, 50257, 32).tolist()
    with agreeing(model, ids, options, threads) as contestants:
        times = race(contestants, options.tokens)
    report(times, sum(p.numel() for p in model.parameters()), threads, options.json)


if __name__ == "__main__":
    main()
