"""Files of modules between stages."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from pharos.core.errors import UserError


def file_name(label: str) -> str:
    """A stage's label as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", label)[:100]


def dump_width(stages: int) -> int:
    """Digits of the number in a dump's name, so that names sort in the order of the stages."""
    return max(2, len(str(stages)))


def dump_name(number: int, label: str, *, width: int = 2) -> str:
    """The name of the file that holds the module after stage ``number``."""
    return f"{number:0{width}}-{file_name(label)}.mlir"


def write_text(path: Path, text: str) -> None:
    """Write a file so that nobody sees half of it; folders are made as needed.

    Raises UserError when that is not possible.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            try:
                file.write(text)
                file.flush()
                os.chmod(file.name, 0o644)
                os.replace(file.name, path)
            except OSError:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
