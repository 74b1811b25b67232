"""The Lispier program that does it all, and the memory that generating takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pharos.ingress.checkpoints import open_tokenizer, write_tokenizer
from pharos.models.gpt2.generate import Sampling, generate
from pharos.models.gpt2.model import Gpt2

PROGRAM = Path(__file__).parents[3] / "examples" / "gpt2" / "generate.lisp"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pharos", "run", str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def text_of(done: subprocess.CompletedProcess[str]) -> str:
    """What the program generated: all before its configuration lines."""
    return done.stdout.rpartition("\n\nlayers")[0]


@pytest.mark.reference
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_the_program_prints_the_tokens_of_generate(references, tmp_path, dtype):
    reference = references("odd")
    tokenizer = tmp_path / "tokenizer.bin"
    write_tokenizer(tokenizer, [f"<{i}>".encode() for i in range(131)], 130)
    done = run(getattr(reference, dtype), tokenizer, 30)
    assert done.returncode == 0, done.stderr
    model = Gpt2.load(getattr(reference, dtype), dtype="bf16")
    expected = open_tokenizer(tokenizer).decode(generate(model, [130], 30, Sampling()))
    assert text_of(done) == expected
    assert "layers 3, channels 60, heads 3, vocabulary 131, positions 41, bf16" in done.stdout
    assert "30 tokens in" in done.stdout


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"\0" * 4 + data[4:], "expected magic 20240326, found 0"),
        (lambda data: data[:4] + b"\x07" + data[5:], "expected version 3 or 5, found 7"),
        (lambda data: data[:-100], "ends after"),
        (lambda data: data[:50], "ends after 12 of 256 items"),
    ],
)
@pytest.mark.reference
def test_a_bad_checkpoint_is_named(references, tmp_path, damage, message):
    tokenizer, bad = tmp_path / "tokenizer.bin", tmp_path / "bad.bin"
    write_tokenizer(tokenizer, [f"<{i}>".encode() for i in range(131)], 130)
    bad.write_bytes(damage(references("odd").bf16.read_bytes()))
    done = run(bad, tokenizer, 3)
    assert done.returncode == 1
    assert f"{bad}: " in done.stdout
    assert message in done.stdout


def test_a_missing_file_and_missing_arguments(tmp_path):
    done = run(tmp_path / "none.bin", tmp_path / "t.bin", 3)
    assert (done.returncode, done.stdout) == (1, f"{tmp_path / 'none.bin'}: cannot be opened\n")
    assert "usage: pharos run generate.lisp CHECKPOINT TOKENIZER N" in run().stdout


@pytest.mark.reference
def test_peak_memory_of_bf16_is_below_1200_mb(references):
    script = (
        "import sys; from pharos.models.gpt2.model import Gpt2;"
        "from pharos.models.gpt2.generate import Sampling, generate;"
        "print(len(list(generate(Gpt2.load(sys.argv[1]), [50256] * 70, 40, Sampling()))));"
        "print(open('/proc/self/status').read())"
    )
    command = [sys.executable, "-c", script, str(references("124M").bf16)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("40\n")
    peak = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert peak is not None
    assert int(peak.group(1)) * 1024 < 1.2e9
