"""The prompt's end of the worker: start it, ask it, stop it, and notice how it dies."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pharos.core.errors import InternalError
from pharos.tools.repl.channel import Channel, Message
from pharos.tools.repl.guard import adopt_orphans

# Is given the number of its socket as one more argument.
_WORKER = (sys.executable, "-m", "pharos.tools.repl.worker")


@dataclass
class Ended:
    """How a request ended.

    ``kind`` is "done", "failed" (an error that was shown), "stopped" (by Ctrl-C), "died" (in the
    program's own code), "crashed" (while the line was compiled) or "lost" (with all that it held).
    ``how`` says in words how the process ended, ``said`` is what it wrote to stderr.
    """

    kind: str
    how: str = ""
    said: str = ""


@dataclass
class _Request:
    """What is known about a request that is being answered."""

    show: Callable[[Message], None]
    sent: bool = False
    running: bool = False
    stopped: bool = False
    said: bytes = b""
    ended: Ended | None = None


class Process:
    """A worker and the guards behind it. ``output(stream, data)`` takes what programs write."""

    def __init__(
        self,
        output: Callable[[int, bytes], None],
        *,
        terminal: bool,
        worker: Sequence[str] = _WORKER,
    ) -> None:
        self._output = output
        self._terminal = terminal
        self._worker = worker
        self._ready = self._born = self._forgotten = False
        adopt_orphans()
        self._start()

    def ask(self, show: Callable[[Message], None], **request: Any) -> Ended:
        """Send ``request`` and give each message of the answer to ``show``.

        Meanwhile Ctrl-C stops the worker; the session goes on as it was before the request.
        """
        current = _Request(show)
        with self._interruptible(current):
            # A worker may have died while nothing was asked of it.
            while self._selector.select(0) or not self._ready:
                self._listen(None)
            if current.stopped:
                return Ended("stopped")
            if self._forgotten:
                self._forgotten = False
                return Ended("lost")
            self._ready, current.sent = False, True
            self._channel.send(**request)
            while current.ended is None:
                self._listen(current)
        return current.ended

    def restart(self) -> None:
        """Begin again with an empty session."""
        self.close()
        self._start()

    def close(self) -> None:
        """End the worker and its guard."""
        self._selector.close()
        # Whoever reads the socket next finds it closed and ends.
        self._end.close()
        for stream in self._streams:
            os.close(stream)
        if not self._ready:
            self._kill()

    # -- starting -----------------------------------------------------------------------------

    def _start(self) -> None:
        self._end, other = socket.socketpair()
        self._channel = Channel(self._end)
        out, worker_out = os.pipe()
        error, worker_error = os.pipe()
        self._streams = (out, error)
        command = [*self._worker, str(other.fileno())]
        os.set_inheritable(other.fileno(), True)
        self._pid = _spawn(command, worker_out, worker_error, terminal=self._terminal)
        self._ready = self._born = False
        other.close()
        os.close(worker_out)
        os.close(worker_error)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._end, selectors.EVENT_READ)
        for stream in self._streams:
            os.set_blocking(stream, False)
            self._selector.register(stream, selectors.EVENT_READ)

    # -- listening ----------------------------------------------------------------------------

    def _listen(self, current: _Request | None) -> None:
        """Wait until something arrives, and take it in."""
        arrived = {key.fileobj for key, _ in self._selector.select()}
        lost = self._end in arrived and not self._channel.fill()
        while (message := self._channel.waiting()) is not None:
            # What was written came before the message; but behind this one it is the program's.
            if message["say"] != "running":
                self._pump(current)
            self._take(message, current)
        self._pump(current)
        if lost:
            self._lost(current)

    def _take(self, message: Message, current: _Request | None) -> None:
        say = message["say"]
        if say == "ready":
            before, self._pid = self._pid, message["pid"]
            self._ready = self._born = True
            how = _reaped(before) if before != self._pid else ""
            if current is not None and current.ended is None:
                current.ended = _death(current, how)
        elif current is not None and say == "running":
            current.running = True
        elif current is not None and say == "failed":
            current.show(message)
            current.ended = Ended("failed")
        elif current is not None and say == "done" and not current.stopped:
            current.ended = Ended("done")
            if message["kept"]:
                # Until it hears this it has its guard: a Ctrl-C that is late by a moment undoes
                # the line like any other.
                self._channel.send(do="keep")
        elif current is not None and say != "starting":
            current.show(message)

    def _pump(self, current: _Request | None) -> None:
        """Pass on what was written to stdout and stderr.

        While a line is compiled, stderr has only LLVM's last words: they are kept for the message.
        """
        out, error = self._streams
        for data in _available(out):
            self._output(1, data)
        for data in _available(error):
            if current is not None and not current.running:
                current.said += data
            else:
                self._output(2, data)

    def _lost(self, current: _Request | None) -> None:
        how = _reaped(self._pid)
        if not self._born:
            raise InternalError(f"the prompt's worker could not start: {how}")
        self._selector.close()
        self._start()
        if current is None:
            self._forgotten = True
        else:
            current.ended = Ended("lost", how)

    # -- stopping -----------------------------------------------------------------------------

    @contextmanager
    def _interruptible(self, current: _Request) -> Iterator[None]:
        def stop(number: int, frame: object) -> None:
            if current.ended is None and not current.stopped:
                current.stopped = True
                if current.sent:
                    self._kill()

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)


def _spawn(command: Sequence[str], out: int, error: int, *, terminal: bool) -> int:
    """The process id of a new worker. It reads the terminal, or else nothing."""
    actions: list[Any] = [
        (os.POSIX_SPAWN_DUP2, out, 1),
        (os.POSIX_SPAWN_DUP2, error, 2),
    ]
    if not terminal:
        actions.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))
    return os.posix_spawn(command[0], list(command), os.environ, file_actions=actions)


def _available(stream: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(stream, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            return
        yield data


def _reaped(pid: int) -> str:
    """How the process ended, in words; "" when only its new parent is told."""
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return ""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"{signal.Signals(number).name} ({signal.strsignal(number)})"
    return f"exit status {os.WEXITSTATUS(status)}"


def _death(current: _Request, how: str) -> Ended:
    if current.stopped:
        return Ended("stopped")
    said = current.said.decode("utf-8", "replace")
    return Ended("died" if current.running else "crashed", how, said)
