"""A process that answers requests, for work that may crash or never end.

The server is a fork that stays: it keeps what it has made from one request to the next. When it
dies, or does not answer in time, that is one error; the next request finds a new one.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import struct
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, NoReturn

from pharos.core.errors import InternalError, PharosError
from pharos.runtime.child import ChildTraceback, in_words, prepare_child, sendable, text_in

_LENGTH = struct.Struct("<Q")
Answer = Callable[[Any], Any]


class NoAnswer(PharosError):
    """The server ended, or took too long; the text says which."""


@dataclass
class _Process:
    """The parent's ends of a running server."""

    pid: int
    owner: int
    requests: int
    answers: int
    errors: IO[bytes]
    told: int = 0

    def close(self) -> None:
        os.close(self.requests)
        os.close(self.answers)
        self.errors.close()


class Server:
    """``Server(make)(request, seconds=10)`` is ``make()(request)`` in a process of its own.

    ``make`` is called there, once. Requests and answers must be picklable. What answering raises
    is raised here. NoAnswer when the process ends instead, or does not answer within ``seconds``:
    it is killed then.
    """

    def __init__(self, make: Callable[[], Answer]) -> None:
        self._make = make
        self._process: _Process | None = None
        self._lock = threading.Lock()
        self._generation = 0

    @property
    def generation(self) -> int:
        """How many processes there were; another number tells that what was kept is gone."""
        alive = self._process is not None and self._process.owner == os.getpid()
        return self._generation if alive else -1

    def __call__(self, request: Any, *, seconds: float) -> Any:
        """The answer to ``request``."""
        with self._lock:
            process = self._running()
            try:
                answer = self._exchange(process, request, seconds)
            except BaseException:  # Ctrl-C too: a late answer would be taken for the next one's
                self._end(process)
                raise
        if answer[0] == "value":
            return answer[1]
        _, error, text = answer
        raise error from ChildTraceback(text)

    def _running(self) -> _Process:
        process = self._process
        # A fork of this process has the same pipes; two must not talk to one server.
        if process is not None and process.owner != os.getpid():
            process.close()  # or it would never see that its own parent is gone
            process = None
        if process is None:
            self._process = process = self._start()
            self._generation += 1
        return process

    def _start(self) -> _Process:
        sys.stdout.flush()
        sys.stderr.flush()
        request_out, request_in = os.pipe()
        answer_out, answer_in = os.pipe()
        errors = tempfile.TemporaryFile()  # noqa: SIM115
        pid = os.fork()
        if pid == 0:
            os.close(request_in)
            os.close(answer_out)
            _serve(self._make, request_out, answer_in, errors)
        os.close(request_out)
        os.close(answer_in)
        return _Process(pid, os.getpid(), request_in, answer_out, errors)

    def _exchange(self, process: _Process, request: Any, seconds: float) -> tuple[Any, ...]:
        deadline = time.monotonic() + seconds
        body = pickle.dumps(request)
        try:
            _write(process.requests, _LENGTH.pack(len(body)) + body)
            (length,) = _LENGTH.unpack(_read(process.answers, _LENGTH.size, deadline))
            answer: tuple[Any, ...] = pickle.loads(_read(process.answers, length, deadline))
        except TimeoutError:
            raise NoAnswer(f"it did not end within {seconds:g} s") from None
        except (EOFError, BrokenPipeError):
            raise NoAnswer(f"its process ended by {self._reap(process)}") from None
        said = text_in(process.errors)[process.told :]
        process.told += len(said)
        sys.stderr.write(said)
        return answer

    def _reap(self, process: _Process) -> str:
        _, status = os.waitpid(process.pid, 0)
        process.pid = 0
        return in_words(status)

    def _end(self, process: _Process) -> None:
        self._process = None
        if process.pid:
            os.kill(process.pid, signal.SIGKILL)
            os.waitpid(process.pid, 0)
        process.close()


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _read(file: int, size: int, deadline: float) -> bytes:
    """``size`` bytes; TimeoutError at ``deadline``, EOFError when the other side is gone."""
    parts = bytearray()
    while len(parts) < size:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([file], [], [], left)[0]:
            raise TimeoutError
        part = os.read(file, min(size - len(parts), 1 << 20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


# ---------------------------------------------------------------------------------------------
# In the server


def _serve(make: Callable[[], Answer], requests: int, answers: int, errors: IO[bytes]) -> NoReturn:
    # Whatever happens, this process must not go on as a second parent.
    status = 1
    try:
        prepare_child(errors)
        answer = make()
        with os.fdopen(requests, "rb") as pipe:
            while True:
                head = pipe.read(_LENGTH.size)
                if len(head) < _LENGTH.size:
                    break
                (length,) = _LENGTH.unpack(head)
                body = pickle.dumps(_answered(answer, pickle.loads(pipe.read(length))))
                sys.stdout.flush()
                sys.stderr.flush()
                _write(answers, _LENGTH.pack(len(body)) + body)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(status)


def _answered(answer: Answer, request: Any) -> tuple[Any, ...]:
    try:
        return "value", answer(request)
    except Exception as error:  # a boundary: it goes on in the parent
        text = traceback.format_exc()
        try:
            return "error", sendable(error), text
        except (pickle.PicklingError, TypeError, AttributeError):
            return "error", InternalError(f"{type(error).__name__}: {error}"), text
