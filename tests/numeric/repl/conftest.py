"""Talk to the prompt: to its session inside the test's process, or to the whole of it by a pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pharos.core.errors import UserError, render
from pharos.tools.repl.commands import Commands


class Talk:
    """A session in this process. Calling it gives the texts that one line shows.

    A line that fails gives its error; the session is then no good any more, because nothing here
    goes back to the state before.
    """

    def __init__(self) -> None:
        self.commands = Commands()
        self.line = 0

    def __call__(self, text: str, do: str = "evaluate") -> list[str]:
        self.line += 1
        request = {"do": do, "text": text, "name": f"<repl:{self.line}>"}
        try:
            messages = list(self.commands.answer(request))
        except UserError as error:
            return [render(error)]
        return [message["text"] for message in messages if message["say"] == "shown"]


@pytest.fixture(scope="module")
def shared_talk() -> Talk:
    return Talk()


@pytest.fixture
def talk(shared_talk: Talk) -> Talk:
    """A session for lines that do well; names stay from test to test of a module."""
    return shared_talk


@pytest.fixture
def fresh_talk() -> Talk:
    return Talk()


class Piped:
    """The prompt as a process that reads a pipe."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pharos.tools.repl"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={
                **os.environ,
                "PHAROS_CACHE": str(folder / "cache"),
                "PHAROS_REPRODUCERS": str(folder / "reproducers"),
            },
        )
        self.marks = 0

    def send(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n".encode())
        self.process.stdin.flush()

    def line(self) -> str:
        """The next line of output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().rstrip("\n")

    def __call__(self, text: str) -> list[str]:
        """The lines that ``text`` shows. An unknown command after it tells where they end."""
        self.marks += 1
        self.send(f"{text}\n:mark{self.marks}")
        return list(self._until_mark())

    def _until_mark(self) -> Iterator[str]:
        while True:
            line = self.line()
            if f"unknown command ':mark{self.marks}'" in line:
                return
            assert line or self.process.poll() is None, "the prompt is gone"
            yield line

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Close the input; the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        status = self.process.wait(timeout=20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.fixture(scope="module")
def piped(tmp_path_factory) -> Iterator[Piped]:
    found = Piped(tmp_path_factory.mktemp("repl"))
    yield found
    if found.process.poll() is None:
        found.end()
