"""The server's end of the analyst: starts it, asks it, starts it again when it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

_COMMAND = (sys.executable, "-m", "pharos.tools.lsp.analyst")
# A line holds all that an analysis found.
_LONGEST = 1 << 28


class Analyst:
    """Answers one question at a time; questions wait for each other."""

    def __init__(self, command: tuple[str, ...] = _COMMAND) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._turn: asyncio.Lock | None = None
        self._number = 0

    async def ask(self, **question: Any) -> Any:
        """The answer; {"died": how} when the analyst ended instead."""
        if self._turn is None:  # made here, because a lock belongs to the loop that runs
            self._turn = asyncio.Lock()
        async with self._turn:
            process = await self._running()
            self._number += 1
            number = self._number
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps({"id": number, **question}).encode() + b"\n")
                await process.stdin.drain()
                return await _answer(process.stdout, number)
            except (ConnectionError, EOFError):
                self._process = None
                return {"died": f"the analyst ended by exit status {await process.wait()}"}

    async def close(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LONGEST,
            )
        return self._process


async def _answer(stream: asyncio.StreamReader, number: int) -> Any:
    """The answer with that number; one that was given up on may come before it."""
    while True:
        line = await stream.readline()
        if not line:
            raise EOFError
        answer = json.loads(line)
        if answer["id"] == number:
            return answer["result"]
