"""A run on disk: its options, and one JSON file per problem, each written whole.

An interrupted run goes on where it was: rows that are there are not worked out again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pharos.core.errors import UserError
from pharos.kernelbench import rows
from pharos.kernelbench.options import Options
from pharos.kernelbench.selection import Task
from pharos.pipeline.dumps import write_text

_RUN = "run.json"


class RunFolder:
    """The folder of one run."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self, options: Options, about: Callable[[], dict[str, Any]]) -> None:
        """Make the folder, or go on with it; ``about`` says what a new run is.

        Raises UserError when it holds a run with other options: its rows would not compare.
        """
        record = _plain(options.record())
        if (self.root / _RUN).exists():
            _same(self.root, self.about()["options"], record)
            return
        if self.root.exists() and any(self.root.iterdir()):
            raise UserError(
                f"--run: expected a new folder or one with a run, found other files in {self.root}"
            )
        self._write(_RUN, {**about(), "options": record})

    def about(self) -> dict[str, Any]:
        """What the run is: its options, the machine, the time it began."""
        return self._read(self.root / _RUN)

    def keep(self, row: rows.Row) -> None:
        """Keep a finished row."""
        self._write(f"rows/{_file(row['problem'])}", row)
        (self.root / "partial" / _file(row["problem"])).unlink(missing_ok=True)

    def keep_partial(self, row: rows.Row) -> None:
        """Keep what is known about a problem that is not finished."""
        self._write(f"partial/{_file(row['problem'])}", row)

    def partial(self, task: Task) -> rows.Row:
        """What was known about ``task`` when its process ended; a new row for nothing."""
        path = self.root / "partial" / _file(task.key)
        return self._read(path) if path.exists() else rows.new(task)

    def row(self, task: Task) -> rows.Row | None:
        """The finished row of ``task``, None when there is none."""
        path = self.root / "rows" / _file(task.key)
        return self._read(path) if path.exists() else None

    def rows(self) -> list[rows.Row]:
        """Every finished row, by level and number."""
        found = [self._read(path) for path in (self.root / "rows").glob("*.json")]
        return in_order(found)

    def _write(self, name: str, data: Any) -> None:
        write_text(self.root / name, json.dumps(_plain(data), indent=1, allow_nan=False) + "\n")

    def _read(self, path: Path) -> Any:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"expected the folder of a run, found no {path}") from None
        except json.JSONDecodeError as error:
            raise UserError(f"{path}: expected JSON: {error}") from None


def in_order(found: Iterable[rows.Row]) -> list[rows.Row]:
    """``found`` by level and number; files after them, by name."""

    def place(row: rows.Row) -> tuple[str, int, str]:
        level, _, number = row["problem"].rpartition("/")
        return (level, int(number), "") if number.isdigit() else ("~", 0, row["problem"])

    return sorted(found, key=place)


def _file(key: str) -> str:
    # "%" keeps the names of different paths apart.
    return key.replace("%", "%25").replace("/", "%2F") + ".json"


def _same(root: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    # An option that there was not yet when the run began had its default.
    usual = _plain(Options(now["target"]).record())
    before = {**usual, **before}
    differing = [name for name in now if before[name] != now[name]]
    if differing:
        name = differing[0]
        raise UserError(
            f"--run: {root} holds a run with {name} {before.get(name)!r}, found {now[name]!r}",
            hint="name another folder, or give the same options to go on with that run",
        )


def _plain(data: Any) -> Any:
    """``data`` for JSON, which has no infinities and no NaN, and no tuples."""
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    return data
