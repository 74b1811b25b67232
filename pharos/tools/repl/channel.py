"""Messages between the prompt and the worker: one JSON object on each line of a socket.

A line is whole or is thrown away: a worker that dies in the middle of one is replaced by another,
which begins with a line break.
"""

from __future__ import annotations

import json
import socket
from typing import Any

Message = dict[str, Any]


class Channel:
    """One end of the socket."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = b""

    def fileno(self) -> int:
        """For ``select``."""
        return self._socket.fileno()

    def send(self, **message: Any) -> None:
        """Send one message. OSError when the other end is gone."""
        # In ASCII, so that no character of the text is a line break.
        self._socket.sendall(b"\n" + json.dumps(message).encode("ascii") + b"\n")

    def receive(self) -> Message | None:
        """The next message; waits for it. None when the other end is gone."""
        while True:
            message = self.waiting()
            if message is not None:
                return message
            if not self.fill():
                return None

    def fill(self) -> bool:
        """Take in what has arrived; False when the other end is gone."""
        try:
            data = self._socket.recv(1 << 16)
        except ConnectionError:
            return False
        self._buffer += data
        return bool(data)

    def waiting(self) -> Message | None:
        """The next message that has arrived whole, if there is one."""
        while b"\n" in self._buffer:
            line, self._buffer = self._buffer.split(b"\n", 1)
            message = _parsed(line)
            if message is not None:
                return message
        return None


def _parsed(line: bytes) -> Message | None:
    try:
        message = json.loads(line)
    except ValueError:  # half a line, from a worker that died
        return None
    return message if isinstance(message, dict) else None
