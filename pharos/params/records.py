"""Parameters that were measured to be good, by what they are for and on which device.

The file has one JSON object per line: ``device`` and ``work`` (texts), ``values``, ``seconds``, and
what else ``pharos.tuning`` wants to be known. Of several records for the same, the fastest counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pharos.core.errors import UserError


def read_records(path: Path) -> dict[tuple[str, str], dict[str, int]]:
    """By (device, work), the fastest values; {} when there is no such file.

    Raises UserError with the line for one that is no record.
    """
    best: dict[tuple[str, str], tuple[float, dict[str, int]]] = {}
    for record in read_lines(path):
        key, seconds = (record["device"], record["work"]), record["seconds"]
        if key not in best or seconds < best[key][0]:
            best[key] = (seconds, record["values"])
    return {key: values for key, (_, values) in best.items()}


def read_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Each record as it is in the file; raises UserError like ``read_records``."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    for number, line in enumerate(lines, 1):
        yield _record(line, f"{path}:{number}")


def _record(line: str, place: str) -> Mapping[str, Any]:
    try:
        record = json.loads(line)
        texts = isinstance(record["device"], str) and isinstance(record["work"], str)
        values = all(type(value) is int for value in record["values"].values())
        if texts and values and record["seconds"] > 0:
            return dict(record)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise UserError(
        f"{place}: expected a record with device, work, values and seconds",
        hint="remove the line, or the file: it is measured again when needed",
    )
