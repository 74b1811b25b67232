"""The data base of measured values: one record for a work on a device, written whole."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pharos.core.errors import UserError
from pharos.params.records import read_lines
from pharos.runtime.store import write_whole

Record = Mapping[str, Any]


def records(path: Path) -> list[Record]:
    """All records of the file at ``path``; none where there is no file.

    Raises UserError with the line for one that is no record.
    """
    return list(read_lines(path))


def store(path: Path, record: Record) -> None:
    """Put ``record`` in the place of those for the same work on the same device."""
    same = (record["device"], record["work"])
    with _locked(path):
        others = [one for one in records(path) if (one["device"], one["work"]) != same]
        _write(path, [*others, record])


def forget(path: Path, which: Callable[[Record], bool]) -> list[Record]:
    """Remove the records that ``which`` is true of, and return them."""
    with _locked(path):
        found = records(path)
        gone = [one for one in found if which(one)]
        if gone:
            _write(path, [one for one in found if one not in gone])
    return gone


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """No other process writes the data base meanwhile."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path.with_suffix(".lock"), "w")  # noqa: SIM115
    except OSError as error:
        raise _unusable(path, error) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(path: Path, found: list[Record]) -> None:
    text = "".join(f"{json.dumps(one)}\n" for one in found)
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot write what was measured to {path}: {error.strerror or error}",
        hint="set PHAROS_CACHE to a folder that you can write to",
    )
