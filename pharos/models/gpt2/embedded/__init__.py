"""The GPT-2 that the package brings: small, trained by examples/gpt2/train_embedded.py."""

from __future__ import annotations

from pathlib import Path


def paths() -> tuple[Path, Path]:
    """The checkpoint (llm.c's format, bf16) and its tokenizer. README.md says what they are."""
    folder = Path(__file__).parent
    return folder / "model.bin", folder / "tokenizer.bin"
