"""What the formats share: llm.c's header of 256 words, JSON, and how files are written.

Source of the header: llm.c's train_gpt2.py (``write_model``, ``write_tokenizer``) and train_gpt2.c
(``gpt2_build_from_checkpoint``), llmc/tokenizer.h (``tokenizer_init``). All words are little
endian, 32 bits.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pharos.core.errors import UserError
from pharos.core.span import Span

HEADER_WORDS = 256
HEADER_BYTES = 4 * HEADER_WORDS

CHECKPOINT_MAGIC = 20240326
TOKENIZER_MAGIC = 20240328

# What else a user of llm.c has lying about, by its first word.
_WORDS = {
    CHECKPOINT_MAGIC: "llm.c's checkpoint (model.bin)",
    20240327: "llm.c's debug state (logits and gradients)",
    TOKENIZER_MAGIC: "llm.c's tokenizer (tokenizer.bin)",
    20240520: "llm.c's training tokens",
    20240522: "llm.c's evaluation data",
    20240527: "llm.c's optimizer state",
}
_CONVERT = "make one from a Hugging Face folder: pharos gpt2 convert DIR -o OUT"
_PREFIXES = {
    b"GGUF": "a GGUF file",
    b"PK\x03\x04": "a zip archive, as torch.save writes",
    b"version https://git-lfs": "a Git LFS pointer: the file itself was not downloaded",
}


def read_header(path: Path, magic: int, kind: str) -> np.ndarray:
    """The header of ``path``, uint32 (256,), after its first word was found to be ``magic``.

    ``kind`` names the expected file in messages. Raises ``UserError`` when the file cannot be
    read, starts with another word, or ends within its header.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
    except OSError as error:
        raise unreadable(path, kind, error) from error
    found = int.from_bytes(head[:4], "little")
    if len(head) >= 4 and found != magic:
        raise UserError(
            f"{path}: field magic: expected {magic} ({kind}), found {found}",
            hint=_guess(head, magic),
        )
    if len(head) < HEADER_BYTES:
        raise UserError(
            f"{path}: truncated: expected a header of {HEADER_BYTES} bytes ({kind}), "
            f"found {len(head)} bytes"
        )
    return np.frombuffer(head, dtype="<u4")


def unreadable(path: Path, kind: str, error: OSError) -> UserError:
    """The error for a file that the system would not let us read."""
    hint = "give the file, not its folder" if isinstance(error, IsADirectoryError) else None
    return UserError(f"{path}: cannot read {kind}: {error.strerror}", hint=hint)


def _guess(head: bytes, magic: int) -> str | None:
    first = int.from_bytes(head[:4], "little")
    if first in _WORDS:
        return f"this is {_WORDS[first]}"
    if int.from_bytes(head[:4], "big") == magic:
        return "the file was written with big-endian words"
    for prefix, name in _PREFIXES.items():
        if head.startswith(prefix):
            return f"this is {name}"
    # A safetensors file starts with the length of its JSON, which starts with a brace.
    if head[8:9] == b"{":
        return f"this is a safetensors file; {_CONVERT}"
    return _CONVERT if magic == CHECKPOINT_MAGIC else None


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that becomes ``path`` when the block ends well, and vanishes when not.

    The folder is made where it is missing. Raises ``UserError`` when the system refuses to write.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Named by the system, not after our process: two writers of one path must not share it.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise UserError(f"{path}: cannot write this file: {error.strerror}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    # There is no way to ask without setting; mkstemp makes files that only their owner reads.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def read_text(path: Path) -> str:
    """The UTF-8 text of ``path``. Raises ``UserError`` when there is none to read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot read this file: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: expected UTF-8, found another byte at {error.start}") from error


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` by rename."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def parse_json(path: Path, text: str) -> dict[str, Any]:
    """The object that ``text``, read from ``path``, holds; errors carry line and column."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"expected JSON: {error.msg}", span=Span(str(path), error.lineno, error.colno)
        ) from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: expected a JSON object, found {type(found).__name__}")
    return found
