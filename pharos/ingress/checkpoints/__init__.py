"""Weights and vocabularies on disk: llm.c's two file formats, and Hugging Face folders.

``open_checkpoint`` and ``open_tokenizer`` map llm.c's files, ``write_checkpoint`` and
``write_tokenizer`` make them, ``convert`` makes them from a Hugging Face folder.
"""

from pharos.ingress.checkpoints.beside import tokens_of
from pharos.ingress.checkpoints.convert import Converted, convert
from pharos.ingress.checkpoints.gpt2 import (
    Checkpoint,
    Config,
    open_checkpoint,
    padded,
    write_checkpoint,
)
from pharos.ingress.checkpoints.pairing import check_pair
from pharos.ingress.checkpoints.tokenizer import (
    Decoder,
    Tokenizer,
    open_tokenizer,
    write_tokenizer,
)

__all__ = [
    "Checkpoint",
    "Config",
    "Converted",
    "Decoder",
    "Tokenizer",
    "check_pair",
    "convert",
    "open_checkpoint",
    "open_tokenizer",
    "padded",
    "tokens_of",
    "write_checkpoint",
    "write_tokenizer",
]
