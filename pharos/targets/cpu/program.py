"""Run a whole program: its ``main``, with arguments, its output in order.

The arguments that main may take need none of numpy's checks, and so most programs run without it.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pharos.core.artifact import DTYPE_BYTES, Artifact, EntryPoint
from pharos.core.errors import UserError
from pharos.runtime.device import Scalar, entry_point
from pharos.targets.cpu.device import CpuDevice

if TYPE_CHECKING:
    from pharos.targets.cpu.stopping import Stoppable

_INTERRUPTED = 130  # what a shell reports for a program that SIGINT ended
# What main may take: nothing, or the number of arguments and a C array of strings.
_PARAMETERS = ((), ("i32", "pointer"), ("i64", "pointer"))


@dataclass(frozen=True)
class MainResult:
    """What main returned: ``value`` and its element type, or None and "" for nothing."""

    value: Any
    dtype: str


def run_main(
    artifact: Artifact, arguments: Sequence[str] = (), callees: Stoppable | None = None
) -> MainResult:
    """Call ``main`` of ``artifact``. C's output is flushed before this returns.

    ``callees`` are Python functions that it may call, and that end it by raising.

    ``main`` takes nothing, or (i32 or i64, !llvm.ptr): the number of ``arguments`` (the
    program's own name is not one) and a null-terminated array of C strings.

    Called from the main thread, Ctrl-C raises KeyboardInterrupt at once. Compiled code cannot
    be stopped from inside its process, so it goes on until the process ends; that then ends with
    status 130, without the usual tidying up.
    """
    module = CpuDevice().load(artifact, callees)
    entry = entry_point(artifact, "main")
    values = _interruptible(module.prepare(entry, _checked(entry, arguments)))
    if len(entry.results) != 1:
        return MainResult(values or None, "several" if values else "")
    result = entry.results[0]
    return MainResult(values[0], result.dtype if result.kind == "scalar" else result.kind)


def _checked(entry: EntryPoint, arguments: Sequence[str]) -> list[Scalar]:
    """``arguments`` as main takes them."""
    kinds = tuple(a.dtype if a.kind == "scalar" else a.kind for a in entry.arguments)
    if kinds not in _PARAMETERS:
        raise UserError(
            f"main takes nothing, or (i32 or i64, !llvm.ptr) for the program's arguments; "
            f"found ({', '.join(kinds)})"
        )
    if not kinds:
        return []
    strings = (ctypes.c_char_p * (len(arguments) + 1))(*[_c_text(a) for a in arguments], None)
    count = len(arguments).to_bytes(DTYPE_BYTES[kinds[0]], "little")
    return [Scalar(count), Scalar(ctypes.addressof(strings).to_bytes(8, "little"), strings)]


def _c_text(argument: str) -> bytes:
    text = argument.encode("utf-8", "surrogateescape")  # as the operating system gave it
    if b"\0" in text:
        raise UserError(f"a program argument cannot contain a NUL character: {argument!r}")
    return text


def _interruptible(call: Callable[[], Any]) -> Any:
    """``call()`` on a thread of its own, so that this one can react to Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        return _flushed(call)
    outcome: dict[str, Any] = {}
    # Not Thread.join: interrupted, it takes a running thread for one that ended (CPython 3.10
    # and 3.11).
    ended = threading.Event()

    def work() -> None:
        try:
            outcome["value"] = _flushed(call)
        except BaseException as error:  # handed to the waiting thread, which raises it
            outcome["error"] = error
        finally:
            ended.set()

    try:
        # Inside, too: main may have begun, and written, before ``start`` returns.
        threading.Thread(target=work, name="pharos-main", daemon=True).start()
        ended.wait()
    except KeyboardInterrupt:
        flush()
        atexit.register(_leave_running, ended)
        raise
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


def _leave_running(ended: threading.Event) -> None:
    # A normal exit would unload the code under the thread that still runs it.
    if not ended.is_set():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_INTERRUPTED)


def _flushed(call: Callable[[], Any]) -> Any:
    try:
        return call()
    finally:
        flush()


def flush() -> None:
    """Write out everything that C's streams hold."""
    ctypes.CDLL(None).fflush(None)
