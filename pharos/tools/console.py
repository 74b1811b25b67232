"""How commands print: JSON, tables, remarks on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO


def print_json(data: Any) -> None:
    """``data`` as one JSON document on stdout."""
    print(json.dumps(data, indent=2, allow_nan=False, default=str))


def remark(text: str) -> None:
    """A line on stderr, after what stdout has so far."""
    sys.stdout.flush()
    print(text, file=sys.stderr, flush=True)


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, file: TextIO | None = None
) -> None:
    """Aligned columns; those whose header starts with ">" are aligned to the right.

    Long lines wrap in a terminal only, so that other programs get one row per line.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    stream = file or sys.stdout
    console = Console(file=stream, width=None if stream.isatty() else 1 << 12, highlight=False)
    table = Table(box=box.SIMPLE_HEAD if stream.isatty() else None, pad_edge=False)
    for header in headers:
        right = header.startswith(">")
        table.add_column(header.removeprefix(">"), justify="right" if right else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def print_timings(timings: Sequence[tuple[str, float]]) -> None:
    """A table of (step, seconds) with the total, on stderr."""
    sys.stdout.flush()
    total = sum(seconds for _, seconds in timings)
    rows = [(name, f"{seconds * 1e3:.2f}") for name, seconds in (*timings, ("total", total))]
    print_table(("step", ">ms"), rows, file=sys.stderr)


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """What compiled code writes to stdout goes to stderr, until the block ends."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def remark_build(timings: Sequence[tuple[str, float]], dumps: Sequence[Path]) -> None:
    """What happened while compiling, on stderr: the table of steps, the files written."""
    if timings:
        print_timings(timings)
    for path in dumps:
        remark(f"wrote {path}")
