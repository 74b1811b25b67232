"""GPT-2 in Lispier on simulated GPUs: the CPU's tokens."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
from gpu_programs import AMD, NVIDIA, WIDE

from pharos import toolchain
from pharos.core.errors import UserError
from pharos.ingress.checkpoints import open_tokenizer
from pharos.models.gpt2.generate import Sampling, generate
from pharos.models.gpt2.model import Gpt2

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "examples" / "gpt2" / "generate_gpu.lisp"
EMBEDDED = ROOT / "pharos" / "models" / "gpt2" / "embedded"
COUNT = 7


def program(target: str):
    request = toolchain.Request(toolchain.for_program(target))
    return toolchain.compile(toolchain.read_payload(PROGRAM), request)


@pytest.mark.slow
@pytest.mark.parametrize("target", [NVIDIA, AMD, WIDE])
def test_the_program_prints_the_tokens_of_the_cpu(capfd, target):
    model, tokenizer = EMBEDDED / "model.bin", EMBEDDED / "tokenizer.bin"
    known = open_tokenizer(tokenizer)
    ids = generate(Gpt2.load(model, dtype="bf16"), [known.end], COUNT, Sampling())
    artifact = program(target)
    capfd.readouterr()
    toolchain.run_main(artifact, [str(model), str(tokenizer), str(COUNT)])
    ctypes.CDLL(None).fflush(None)
    text, _, rest = capfd.readouterr().out.partition("\n\nlayers")
    assert text == known.decode(ids)
    assert "3, channels 192, heads 6, vocabulary 2048, positions 256, bf16" in rest


@pytest.mark.slow
def test_memory_that_is_not_registered_is_found(tmp_path):
    """The same program without one registration: the kernel that needs it says so."""
    text = PROGRAM.read_text(encoding="utf-8")
    line = '  (gpu.host_register (memref.cast {:result "memref<*xbf16>"} weights))\n'
    assert line in text
    file = tmp_path / "generate.lisp"
    file.write_text(text.replace(line, ""), encoding="utf-8")
    request = toolchain.Request(toolchain.for_program(NVIDIA))
    artifact = toolchain.compile(toolchain.read_payload(file), request)
    arguments = [str(EMBEDDED / "model.bin"), str(EMBEDDED / "tokenizer.bin"), "1"]
    with pytest.raises(UserError, match="global out of bounds") as caught:
        toolchain.run_main(artifact, arguments)
    assert "kernel embed_kernel" in caught.value.message
