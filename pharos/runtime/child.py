"""Run a function in a process of its own, so that a crash in native code costs no more than that.

The child is a fork: it sees all that the parent has, and nothing has to be sent to it. What it
returns or raises comes back through a pipe, and so does the name of each step it begins; when the
process dies, the last of them tells where.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import signal
import struct
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import IO, Any, Generic, NoReturn, TypeVar

from pharos.core.errors import InternalError, PharosError
from pharos.core.span import register_source, sources

T = TypeVar("T")
Report = Callable[[str], None]

_LENGTH = struct.Struct("<Q")
# wait4 tells kibibytes, on macOS bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_STEP, _VALUE, _ERROR = "step", "value", "error"


class ChildDied(PharosError):
    """The process ended without an answer.

    ``step`` is what it had begun last ("" for nothing), ``status`` how it ended in words,
    ``output`` what it wrote to stderr, ``code`` its exit status when it ended by itself.
    """

    def __init__(self, step: str, status: str, output: str, code: int | None = None) -> None:
        super().__init__(f"the process ended by {status} in step '{step}'")
        self.step = step
        self.status = status
        self.output = output
        self.code = code


class ChildTraceback(Exception):
    """The cause of an error that came from the child: where in the child it was raised."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"in the child process:\n{self.text}"


class Child(Generic[T]):
    """A forked process that works out ``work(report)``; ``in_child`` waits for one.

    ``step`` is what it began last, ``fileno()`` becomes readable when ``read()`` has something to
    take in. ``pid`` is 0 once it was waited for; ``peak`` is then the most memory it held, in
    bytes. ``close`` ends it when it still runs.
    """

    def __init__(self, work: Callable[[Report], T]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self.step = ""
        self.peak = 0
        self.status = 0
        self._answer: tuple[Any, ...] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._scratch = tempfile.TemporaryDirectory(prefix="pharos-child-")
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            _run_child(work, writing, self._errors, self._scratch.name)
        os.close(writing)
        self._pipe = os.fdopen(reading, "rb", buffering=0)

    def fileno(self) -> int:
        """What to wait for with ``select``."""
        return self._pipe.fileno()

    def read(self) -> bool:
        """Wait for the next message and take it in; False when there will be no more."""
        message = _message(self._pipe)
        if message is None or message[0] != _STEP:
            self._answer = message
            return False
        self.step = message[1]
        return True

    def result(self) -> T:
        """What ``work`` returned, after ``read`` was False. Raises like ``in_child``."""
        self._wait()
        if self._answer is None:
            code = os.WEXITSTATUS(self.status) if os.WIFEXITED(self.status) else None
            raise ChildDied(self.step, in_words(self.status), self.output(), code)
        value: T = _unpacked(self._answer)
        return value

    def output(self) -> str:
        """What it has written to stderr so far."""
        return text_in(self._errors)

    def close(self) -> None:
        """Kill it if it runs, and remove its files. Harmless when done twice."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self._wait()
        self._pipe.close()
        self._errors.close()
        self._scratch.cleanup()

    def _wait(self) -> None:
        if self.pid:
            _, self.status, usage = os.wait4(self.pid, 0)
            self.peak = usage.ru_maxrss * _RSS_UNIT
            self.pid = 0


def in_child(work: Callable[[Report], T]) -> T:
    """``work(report)`` in a forked process: its value, which must be picklable.

    ``report(step)`` names the step that begins. What ``work`` raises is raised here, with the
    child's traceback as its cause; what it writes to stderr is written here when it has ended.
    Raises ChildDied when the process is killed, aborts or exits by itself.
    """
    child = Child(work)
    died = False
    try:
        while child.read():
            pass
        return child.result()
    except ChildDied:
        died = True  # its output is part of the error
        raise
    finally:
        if not died:
            sys.stderr.write(child.output())
        child.close()


def _message(pipe: IO[bytes]) -> tuple[Any, ...] | None:
    """The next message; None at the end, also when the child was killed while it wrote."""
    head = _exactly(pipe, _LENGTH.size)
    body = _exactly(pipe, _LENGTH.unpack(head)[0]) if head else b""
    message: tuple[Any, ...] | None = pickle.loads(body) if body else None
    return message


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    """``size`` bytes, none when there are not that many."""
    data = bytearray()
    while len(data) < size:
        part = pipe.read(size - len(data))
        if not part:
            return b""
        data += part
    return bytes(data)


def _unpacked(answer: tuple[Any, ...]) -> Any:
    if answer[0] == _VALUE:
        return answer[1]
    _, error, text, known = answer
    for name, source in known.items():
        register_source(name, source)
    raise error from ChildTraceback(text)


def in_words(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"signal {signal.Signals(number).name} ({signal.strsignal(number)})"
    return f"exit status {os.WEXITSTATUS(status)}"


def text_in(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read().decode("utf-8", "replace")


# ---------------------------------------------------------------------------------------------
# In the child


def _run_child(
    work: Callable[[Report], Any], writing: int, errors: IO[bytes], scratch: str
) -> NoReturn:
    # Whatever happens, this process must not go on as a second parent.
    status = 1
    try:
        prepare_child(errors)
        # A process that is killed leaves its temporary files; the parent removes these.
        tempfile.tempdir = scratch
        with os.fdopen(writing, "wb") as pipe:

            def send(*message: Any) -> None:
                body = pickle.dumps(message)
                pipe.write(_LENGTH.pack(len(body)) + body)
                pipe.flush()

            _answer(work, send)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(status)


def prepare_child(errors: IO[bytes]) -> None:
    """Stderr goes to a file: LLVM's last words are part of one message, not a page of their own."""
    faulthandler.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it kills the child
    _forbid_core_files()
    os.dup2(errors.fileno(), 2)
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115


def _forbid_core_files() -> None:
    try:
        import resource
    except ImportError:  # not on every system
        return
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def _answer(work: Callable[[Report], Any], send: Callable[..., None]) -> None:
    try:
        value = work(lambda step: send(_STEP, step))
    except Exception as error:  # a boundary: it goes on in the parent
        text = traceback.format_exc()
        try:
            send(_ERROR, sendable(error), text, sources())
        except (pickle.PicklingError, TypeError, AttributeError):
            send(_ERROR, InternalError(f"{type(error).__name__}: {error}"), text, {})
        return
    send(_VALUE, value)


def sendable(error: Exception) -> Exception:
    """``error`` if the parent can make it again; many exceptions of libraries cannot be."""
    pickle.loads(pickle.dumps(error))
    return error
