"""What the GPT-2 benchmarks compare: a random 124M as Pharos, Hugging Face and llama.cpp run it.

A contestant reads a prompt (``prefill``: the logits after its last token) and makes a token from
the last one (``step``); both return the seconds that they took, measured where they ran.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from pharos.ingress.checkpoints import convert
from pharos.models.gpt2.model import Gpt2
from pharos.toolchain import compile, load, mlir_payload

END = 50256
# How far logits may be from f32's, in standard deviations of them.
BOUNDS = {"f32": 1e-3, "bf16": 0.1, "int8": 0.3, "q8_0": 0.3}
READ_BYTES = 256 << 20
_READ = """
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


class Contestant(Protocol):
    """See the module."""

    def prefill(self, ids: list[int]) -> tuple[float, np.ndarray]: ...

    def step(self) -> float: ...


def reader() -> Callable[[], float]:
    """Seconds to read READ_BYTES from memory on all threads and do little else."""
    data = np.ones((64, READ_BYTES // 4 // 64), np.float32)
    bound = load(compile(mlir_payload(_READ))).bind("read", data, np.zeros(64, np.float32))

    def step() -> float:
        start = time.perf_counter()
        bound()
        return time.perf_counter() - start

    return step


def random_model() -> GPT2LMHeadModel:
    """GPT-2 124M with random weights, seed 0."""
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config()).eval()


class HuggingFace:
    """transformers' GPT-2 with its KV cache and PyTorch's fused attention."""

    def __init__(self, model: GPT2LMHeadModel, dtype: torch.dtype) -> None:
        self.model = model.to(dtype)
        self.past, self.token = None, torch.tensor([[END]])

    def prefill(self, ids: list[int]) -> tuple[float, np.ndarray]:
        """Read ``ids`` as a new text."""
        self.past, self.token = None, torch.tensor([ids])
        start = time.perf_counter()
        logits = self._run()
        return time.perf_counter() - start, logits.float().numpy()

    def step(self) -> float:
        """One token."""
        start = time.perf_counter()
        self._run()
        return time.perf_counter() - start

    def _run(self) -> Any:
        with torch.no_grad():
            out = self.model(
                self.token, past_key_values=self.past, use_cache=True, logits_to_keep=1
            )
        self.past = out.past_key_values
        self.token = out.logits[:, -1:].argmax(-1)
        return out.logits[0, -1]


class Pharos:
    """The compiled Lispier program."""

    def __init__(self, checkpoint: Path, dtype: str) -> None:
        self.model = Gpt2.load(checkpoint, dtype=dtype)
        self.place, self.token = 0, END

    def prefill(self, ids: list[int]) -> tuple[float, np.ndarray]:
        """Read ``ids`` as a new text."""
        start = time.perf_counter()
        logits = self.model.prefill(ids)
        self.place, self.token = len(ids), int(np.argmax(logits))
        return time.perf_counter() - start, logits

    def step(self) -> float:
        """One token."""
        start = time.perf_counter()
        logits = self.model.step(self.token, self.place)
        self.place, self.token = self.place + 1, int(np.argmax(logits))
        return time.perf_counter() - start


class Llama:
    """llama.cpp in a process of its own (gpt2_llama.py), run by the Python that has it."""

    def __init__(self, python: str, checkpoint: Path, kind: str, threads: int) -> None:
        command = [python, str(Path(__file__).with_name("gpt2_llama.py"))]
        self.child = subprocess.Popen(
            [*command, str(checkpoint), kind, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.token = END

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        print(json.dumps(request), file=self.child.stdin, flush=True)
        line = self.child.stdout.readline()
        if not line:
            raise SystemExit("the process with llama.cpp ended")
        answer: dict[str, Any] = json.loads(line)
        self.token = answer["token"]
        return answer

    def prefill(self, ids: list[int]) -> tuple[float, np.ndarray]:
        """Read ``ids`` as a new text."""
        answer = self._ask({"prefill": ids})
        return answer["seconds"], np.array(answer["logits"], np.float32)

    def step(self) -> float:
        """One token."""
        seconds: float = self._ask({"step": self.token})["seconds"]
        return seconds


def llamas(python: str | None, checkpoint: Path, threads: int) -> Iterator[tuple[str, Llama]]:
    """llama.cpp's bf16 and Q8_0 where ``python`` (default: this one) has it; else nothing."""
    chosen = python or sys.executable
    probe = subprocess.run([chosen, "-c", "import llama_cpp, gguf"], capture_output=True, text=True)
    if probe.returncode and python:
        raise SystemExit(f"{python} does not import llama_cpp and gguf:\n{probe.stderr}")
    if not probe.returncode:
        yield "llama.cpp bf16", Llama(chosen, checkpoint, "bf16", threads)
        yield "llama.cpp q8_0", Llama(chosen, checkpoint, "q8_0", threads)


def arguments(about: str) -> argparse.ArgumentParser:
    """The options that benchmarks of contestants share."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--llama", metavar="PYTHON", help="that has llama-cpp-python and gguf")
    parser.add_argument("--without", default="", help="contestants to leave out, with commas")
    parser.add_argument("--json", type=Path, help="also write the results there")
    return parser


@contextmanager
def agreeing(
    model: GPT2LMHeadModel, ids: list[int], options: argparse.Namespace, threads: int
) -> Iterator[dict[str, Contestant]]:
    """All contestants that run ``model`` here, by name and type, after a prompt of ``ids`` that
    they agreed on."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        wide = convert(folder, Path(folder) / "f32", "f32").model
        narrow = convert(folder, Path(folder) / "bf16", "bf16").model
        contestants: dict[str, Contestant] = {
            "pharos f32": Pharos(wide, "f32"),
            "pharos bf16": Pharos(narrow, "bf16"),
            "pharos int8": Pharos(wide, "int8"),
            "huggingface f32": HuggingFace(model, torch.float32),
            "huggingface bf16": HuggingFace(copy.deepcopy(model), torch.bfloat16),
            **dict(llamas(options.llama, wide, threads)),
        }
        for name in filter(None, options.without.split(",")):
            del contestants[name]
        found = {name: contestant.prefill(ids)[1] for name, contestant in contestants.items()}
        expected = HuggingFace(model, torch.float32).prefill(ids)[1]
        check(found, expected, {name: BOUNDS[name.split()[1]] for name in found})
        yield contestants


def check(found: dict[str, np.ndarray], expected: np.ndarray, bounds: dict[str, float]) -> None:
    """Stop unless logits are within their bound of ``expected``, in units of its deviation."""
    for name, logits in found.items():
        error = float(np.abs(logits[: len(expected)] - expected).max() / expected.std())
        if not error < bounds[name]:
            raise SystemExit(f"{name}: logits differ by {error}: no timing of a wrong program")
        print(f"{name:18} logits agree with transformers in f32 within {error:.1e} deviations")


def summary(seconds: list[float]) -> dict[str, float]:
    """Minimum, median and interquartile range in milliseconds."""
    ms = np.array(seconds) * 1e3
    low, middle, high = np.percentile(ms, [25, 50, 75])
    return {"min": float(ms.min()), "median": float(middle), "iqr": float(high - low)}


def write_json(path: Path | None, threads: int, **results: Any) -> None:
    """Write the results with the machine's facts, if ``path`` is given."""
    if path:
        facts = {
            "machine": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "threads": threads,
            "torch": torch.__version__,
        }
        path.write_text(json.dumps({"facts": facts, **results}, indent=2))
