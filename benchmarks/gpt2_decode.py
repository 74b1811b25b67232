"""How fast does GPT-2 decode, beside Hugging Face eager and llama.cpp, and against the memory?

    python benchmarks/gpt2_decode.py [--tokens 64] [--json results.json]

Makes a GPT-2 124M with random weights (seed 0), checks that Pharos and transformers agree on the
logits, and then times single-token steps with a KV cache, in turns so that a change of the
machine's speed hits every contestant: Pharos and Hugging Face in f32 and bf16, and llama-cpp-python
in bf16 where it is installed. The floor is the time to read the weights once at the machine's
measured read bandwidth, which is measured in the same turns.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from pharos.core import settings
from pharos.ingress.checkpoints import convert
from pharos.models.gpt2.model import Gpt2
from pharos.toolchain import compile, load, mlir_payload

END = 50256
ROUND = 8  # tokens that one contestant makes before the next has its turn


READ = """
func.func @read(%x: memref<?x?xf32>, %sums: memref<?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                  iterator_types = ["parallel", "reduction"]}
    ins(%x : memref<?x?xf32>) outs(%sums : memref<?xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %s = arith.addf %sum, %a : f32
    linalg.yield %s : f32
  }
  return
}"""
READ_BYTES = 256 << 20


def reader() -> Callable[[], None]:
    """A step that reads READ_BYTES from memory on all threads and does little else."""
    data = np.ones((64, READ_BYTES // 4 // 64), np.float32)
    runner = load(compile(mlir_payload(READ)))
    return runner.bind("read", data, np.zeros(64, np.float32))


class HuggingFace:
    """transformers' eager GPT-2 with its KV cache."""

    def __init__(self, model: GPT2LMHeadModel, dtype: torch.dtype) -> None:
        self.model = model.to(dtype)
        self.past = None
        self.token = torch.tensor([[END]])

    def step(self) -> None:
        with torch.no_grad():
            out = self.model(self.token, past_key_values=self.past, use_cache=True)
        self.past = out.past_key_values
        self.token = out.logits[:, -1:].argmax(-1)


class Pharos:
    """The compiled Lispier program."""

    def __init__(self, checkpoint: Path, dtype: str) -> None:
        self.model = Gpt2.load(checkpoint, dtype=dtype)
        self.place, self.token = 0, END

    def step(self) -> None:
        logits = self.model.forward([self.token], self.place)[0]
        self.place, self.token = self.place + 1, int(np.argmax(logits))


def llama(checkpoint: Path) -> Callable[[], None] | None:
    """A step of llama.cpp on a GGUF beside the checkpoint; None where it is not installed."""
    try:
        from llama_cpp import Llama
    except ImportError:
        return None
    gguf = checkpoint.with_suffix(".gguf")
    if not gguf.exists():
        return None
    engine = Llama(str(gguf), n_threads=settings.THREADS.get(), verbose=False)
    state = {"token": END}

    def step() -> None:
        engine.eval([state["token"]])
        state["token"] = int(np.argmax(engine.scores[engine.n_tokens - 1]))

    return step


def check(checkpoint: Path, model: GPT2LMHeadModel) -> None:
    """Stop unless the logits of 32 random tokens agree within 1e-3."""
    ids = np.random.default_rng(0).integers(0, 50257, 32).tolist()
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0].numpy()
    error = float(np.abs(Gpt2.load(checkpoint, dtype="f32").logits(ids) - expected).max())
    if not error < 1e-3:
        raise SystemExit(f"the logits differ by {error}: no timing of a wrong program")
    print(f"f32 logits agree with transformers within {error:.1e}")


def race(steps: dict[str, Callable[[], None]], tokens: int) -> dict[str, np.ndarray]:
    """Seconds of each step of each contestant, in turns of ``ROUND`` after one warm-up turn."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(tokens // ROUND + 1):
        for name, step in steps.items():
            for _ in range(ROUND):
                start = time.perf_counter()
                step()
                if turn:
                    times[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=64, help="timed tokens per contestant")
    parser.add_argument("--json", type=Path, help="also write the results there")
    options = parser.parse_args()
    threads = settings.THREADS.get()
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config()).eval()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        checkpoint = convert(folder, Path(folder) / "f32", "f32").model
        narrow = convert(folder, Path(folder) / "bf16", "bf16").model
        check(checkpoint, model)
        torch.set_num_threads(threads)
        half = GPT2LMHeadModel(GPT2Config()).eval()
        half.load_state_dict(model.state_dict())
        steps: dict[str, Callable[[], None]] = {
            "pharos f32": Pharos(checkpoint, "f32").step,
            "huggingface f32": HuggingFace(model, torch.float32).step,
            "pharos bf16": Pharos(narrow, "bf16").step,
            "huggingface bf16": HuggingFace(half, torch.bfloat16).step,
        }
        other = llama(narrow)
        if other is not None:
            steps["llama.cpp bf16"] = other
        steps["read"] = reader()
        times = race(steps, options.tokens)
    report(times, threads, options.json)


def report(times: dict[str, np.ndarray], threads: int, path: Path | None) -> None:
    reads = times.pop("read")
    bandwidth = READ_BYTES / np.median(reads) / 1e9
    weights = sum(p.numel() for p in GPT2LMHeadModel(GPT2Config()).parameters())
    best = READ_BYTES / reads.min() / 1e9
    print(f"{threads} threads, read bandwidth {bandwidth:.1f} GB/s median, {best:.1f} GB/s best")
    print(f"{'ms/token':18} {'min':>8} {'median':>8} {'iqr':>8} {'of bandwidth':>13}")
    rows = {}
    for name, seconds in times.items():
        ms = seconds * 1e3
        low, middle, high = np.percentile(ms, [25, 50, 75])
        size = weights * (4 if "f32" in name else 2)
        share = size / (middle / 1e3) / 1e9 / bandwidth
        rows[name] = {"min": ms.min(), "median": middle, "iqr": high - low, "share": share}
        print(f"{name:18} {ms.min():8.1f} {middle:8.1f} {high - low:8.1f} {share:12.0%}")
    for dtype in ("f32", "bf16"):
        ours, theirs = rows[f"pharos {dtype}"], rows[f"huggingface {dtype}"]
        print(
            f"{dtype}: {theirs['median'] / ours['median']:.2f} times as fast as Hugging Face eager"
        )
    if path:
        facts = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        path.write_text(
            json.dumps(
                {"facts": facts, "bandwidth": bandwidth, "rows": rows}, indent=2, default=float
            )
        )


if __name__ == "__main__":
    main()
