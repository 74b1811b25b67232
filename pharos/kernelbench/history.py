"""What earlier runs came to: one line of JSON per finished run, in a file beside their folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pharos.core.errors import UserError

NAME = "history.jsonl"


def append(file: Path, entry: dict[str, Any]) -> None:
    """Add a line. One write to a file opened for appending: parallel runs do not mix lines."""
    line = json.dumps(entry, allow_nan=False) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab", buffering=0) as out:
            out.write(line.encode())
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror}") from None


def entries(file: Path) -> list[dict[str, Any]]:
    """All entries, the oldest first; a line that an interruption cut off is left out."""
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def last(file: Path, other_than: Path) -> Path:
    """The folder of the last run in the history that is not ``other_than``.

    Raises UserError when there is none.
    """
    for entry in reversed(entries(file)):
        folder = Path(entry["run"])
        if folder.is_dir() and folder.resolve() != other_than.resolve():
            return folder
    raise UserError(f"--against last: found no earlier run in {file}")
