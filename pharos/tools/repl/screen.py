"""What appears: output of programs, values, errors, each on a line of its own."""

from __future__ import annotations

import sys
from typing import Any

from pharos.tools.repl import style
from pharos.tools.repl.channel import Message
from pharos.tools.repl.process import Ended

_UNDONE = "definitions and values are as before this line"


class Screen:
    """Stdout and stderr, and whether the program left stdout in the middle of a line."""

    def __init__(self) -> None:
        self._inside_line = False

    def program(self, stream: int, data: bytes) -> None:
        """What the user's program wrote."""
        self._write(sys.stdout if stream == 1 else sys.stderr, data)
        if stream == 1:
            self._inside_line = not data.endswith(b"\n")

    def line(self, text: str) -> None:
        """Ours, on a fresh line."""
        end = b"\n" if self._inside_line else b""
        self._inside_line = False
        self._write(sys.stdout, end + f"{text}\n".encode("utf-8", "surrogateescape"))

    def fresh_line(self) -> None:
        """Go to the start of a line, if the program left us inside one."""
        if self._inside_line:
            self._write(sys.stdout, b"\n")
            self._inside_line = False

    def show(self, message: Message) -> None:
        """A message of the worker."""
        if message["say"] == "failed":
            self.line(style.error(message["text"]))
        elif message["say"] == "shown":
            self.line(style.message(message["text"], message["kind"]))

    def ended(self, ended: Ended) -> None:
        """How a request ended, where the user must be told."""
        if ended.kind in ("done", "failed"):
            self.fresh_line()
        else:
            self.line(style.error(_sentence(ended)))

    def _write(self, stream: Any, data: bytes) -> None:
        stream.flush()
        stream.buffer.write(data)
        stream.buffer.flush()


def _sentence(ended: Ended) -> str:
    how = f" by {ended.how}" if ended.how else ""
    if ended.kind == "stopped":
        return f"stopped; {_UNDONE}"
    if ended.kind == "died":
        return f"error: the program ended its process{how}; {_UNDONE}"
    if ended.kind == "crashed":
        return f"error: compiling this ended the compiler's process{how}{_last(ended.said)}\n" + (
            f"hint: that is a bug of the compiler, not of the prompt; {_UNDONE}"
        )
    return f"error: the session ended{how}, and all definitions and values with it"


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower() or "assert" in line.lower()]
    return f": {(told or lines)[-1]}" if lines else ""
