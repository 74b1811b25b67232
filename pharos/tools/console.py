"""How commands print: JSON, tables, remarks on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

Times = Sequence[tuple[str, float]]
"""Names, each with its seconds."""


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


def print_timings(timings: Times, passes: Mapping[str, Times]) -> None:
    """A table of (step, seconds) with the total, on stderr; below a step of several passes, each
    of them."""
    sys.stdout.flush()
    total = sum(seconds for _, seconds in timings)
    rows = []
    for name, seconds in (*timings, ("total", total)):
        rows.append((name, f"{seconds * 1e3:.2f}"))
        inside = passes.get(name, ())
        if len(inside) > 1:
            rows += [(f"  {one}", f"{seconds * 1e3:.2f}") for one, seconds in inside]
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


def remark_build(built: Any, *, time: bool) -> None:
    """What happened while compiling, on stderr: the table of steps, the files written."""
    if time and built.timings:
        print_timings(built.timings, built.passes)
    for path in built.dumps:
        remark(f"wrote {path}")
