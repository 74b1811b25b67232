"""Where in the user's Python files something comes from."""

from __future__ import annotations

import linecache
import re
import traceback
from pathlib import Path
from typing import Any

import torch

from pharos.core.span import Span

_FRAME = re.compile(r'File "([^"]+)", line ([0-9]+),')
_LIBRARIES = (str(Path(torch.__file__).parent), str(Path(__file__).parents[2]))


def place_of_node(node: Any) -> Span | None:
    """The line of the model that made the graph's ``node``: the innermost one outside torch."""
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    return _innermost([(file, int(line)) for file, line in frames])


def place_of(error: BaseException) -> Span | None:
    """The innermost line outside torch that ``error`` passed through."""
    frames = [(f.filename, f.lineno or 0) for f in traceback.extract_tb(error.__traceback__)]
    own = [frame for frame in frames if _is_users(frame[0])]
    return _innermost(own) if own else None


def _innermost(frames: list[tuple[str, int]]) -> Span | None:
    if not frames:
        return None
    own = [frame for frame in frames if _is_users(frame[0])]
    file, line = (own or frames)[-1]
    text = linecache.getline(file, line).rstrip()
    start = len(text) - len(text.lstrip()) + 1
    return Span(file, line, start, line, max(start, len(text)) + 1)


def _is_users(file: str) -> bool:
    return not file.startswith((*_LIBRARIES, "<"))
