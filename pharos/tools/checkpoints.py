"""Checkpoints for the command line: their header as data, and logits written to a file."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pharos.core.errors import UserError
from pharos.core.span import Span, register_source
from pharos.ingress.checkpoints import open_checkpoint
from pharos.models.gpt2.opening import open_model

_IDS = "--ids"


def described(path: Path) -> dict[str, Any]:
    """The fields of a checkpoint's header, and the sizes that follow from them."""
    config = open_checkpoint(path).config
    return {
        **asdict(config),
        "head_size": config.head_size,
        "parameters": config.parameters,
        "parameter_bytes": config.parameter_bytes,
        "file_bytes": config.file_bytes,
    }


def parse_ids(text: str) -> list[int]:
    """The token ids in ``text``, at least one. Raises UserError with the column."""
    register_source(_IDS, text)
    ids, column = [], 1
    for number, word in enumerate(text.split(",")):
        if not word.strip().isdecimal():
            found = f"'{word}'" if word.strip() else "nothing"
            raise UserError(
                f"item {number}: expected a token id, a whole number of 0 or more, found {found}",
                span=Span(_IDS, 1, column, 1, column + len(word)),
            )
        ids.append(int(word))
        column += len(word) + 1
    return ids


def write_logits(
    checkpoint: Path, ids: str, output: Path, dtype: str | None, target: str
) -> tuple[int, ...]:
    """Write the logits of the tokens ``ids`` to ``output``, a .npy file; their shape (T, V)."""
    tokens = parse_ids(ids)
    most = open_checkpoint(checkpoint).config.max_sequence
    if len(tokens) > most:
        raise UserError(
            f"{_IDS}: expected at most {most} ids, the checkpoint's positions, found {len(tokens)}"
        )
    count = len(tokens)
    model = open_model(checkpoint, dtype=dtype, target=target, positions=count, prompt=count)
    found = model.logits(tokens)
    _save(output, found)
    shape: tuple[int, ...] = found.shape
    return shape


def _save(path: Path, array: Any) -> None:
    """Write ``array`` so that nobody sees half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                np.save(file, array)
            os.chmod(partial, 0o644)
            os.replace(partial, path)
        except BaseException:
            os.unlink(partial)
            raise
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
