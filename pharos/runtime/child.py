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
from collections.abc import Callable, Iterator
from typing import IO, Any, NoReturn, TypeVar

from pharos.core.errors import InternalError, PharosError
from pharos.core.span import register_source, sources

T = TypeVar("T")
Report = Callable[[str], None]

_LENGTH = struct.Struct("<Q")
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


def in_child(work: Callable[[Report], T]) -> T:
    """``work(report)`` in a forked process: its value, which must be picklable.

    ``report(step)`` names the step that begins. What ``work`` raises is raised here, with the
    child's traceback as its cause; what it writes to stderr is written here when it has ended.
    Raises ChildDied when the process is killed, aborts or exits by itself.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    with (
        os.fdopen(reading, "rb") as answers,
        tempfile.TemporaryFile() as errors,
        tempfile.TemporaryDirectory(prefix="pharos-child-") as scratch,
    ):
        child = os.fork()
        if child == 0:
            _run_child(work, writing, errors, scratch)
        os.close(writing)
        try:
            step, answer = _listen(answers)
        except BaseException:  # Ctrl-C, mostly: nobody waits for the child any more
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            sys.stderr.write(text_in(errors))
            raise
        _, status = os.waitpid(child, 0)
        written = text_in(errors)
    if answer is None:
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        raise ChildDied(step, in_words(status), written, code)
    sys.stderr.write(written)
    return _unpacked(answer)


def _listen(answers: IO[bytes]) -> tuple[str, tuple[Any, ...] | None]:
    """The last step that was reported and the final message, None when there is none."""
    step = ""
    for message in _messages(answers):
        if message[0] != _STEP:
            return step, message
        step = message[1]
    return step, None


def _messages(answers: IO[bytes]) -> Iterator[tuple[Any, ...]]:
    while True:
        head = answers.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return
        (length,) = _LENGTH.unpack(head)
        body = answers.read(length)
        if len(body) < length:  # killed while it wrote
            return
        yield pickle.loads(body)


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
