"""The process that holds the session: it compiles and runs what the prompt sends.

A line that does not do well ends the process, whether by an error, by a crash of the program or
of MLIR, or by Ctrl-C. The guard then takes over, and the session is as it was before the line.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from pharos.core.errors import InternalError, UserError, render
from pharos.tools.repl.channel import Channel, Message
from pharos.tools.repl.guard import die_with_parent, stand_guard

_UNBUFFERED = 2  # _IONBF of stdio.h, on Linux and macOS


def main() -> NoReturn:
    """Serve the prompt on the socket whose number is the first argument."""
    _forbid_core_files()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the prompt decides what Ctrl-C means
    die_with_parent()
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    _write_at_once()
    channel.send(say="starting", pid=os.getpid())
    from pharos.tools.repl.commands import Commands

    serve(channel, Commands().answer)


Answer = Callable[[Message], Iterator[dict[str, Any]]]


def serve(channel: Channel, answer: Answer) -> NoReturn:
    """Answer requests until the prompt is gone."""
    while True:
        guard = stand_guard()
        if guard is None:  # the process that this one guarded is dead
            die_with_parent()
            continue
        try:
            channel.send(say="ready", pid=os.getpid())
            request = channel.receive()
            gone = request is None
            kept = request is not None and _answered(channel, request, answer)
        except OSError:
            gone = True
        if gone:
            guard.end()
            os._exit(0)
        if not kept:
            os._exit(0)
        guard.end()


def _answered(channel: Channel, request: Message, answer: Answer) -> bool:
    """Do what ``request`` asks; whether the session goes on from here."""
    try:
        for message in answer(request):
            if message["say"] == "forget":
                channel.send(say="done", kept=False)
                return False
            channel.send(**message)
    except UserError as error:
        channel.send(say="failed", text=render(error))
        return False
    except InternalError as error:
        channel.send(say="failed", text=f"{traceback.format_exc()}{error}")
        return False
    except Exception as error:  # the last boundary: a bug of ours costs one line
        text = f"{traceback.format_exc()}internal error: {type(error).__name__}"
        channel.send(say="failed", text=text)
        return False
    channel.send(say="done", kept=True)
    reply = channel.receive()
    return reply is not None and reply["do"] == "keep"


def _write_at_once() -> None:
    """No buffer in C's stdout: what a program printed is seen even when it is killed."""
    libc = ctypes.CDLL(None)
    name = "stdout" if sys.platform != "darwin" else "__stdoutp"
    stream = ctypes.c_void_p.in_dll(libc, name)
    libc.setvbuf(stream, None, _UNBUFFERED, 0)


def _forbid_core_files() -> None:
    """A crash of the user's program is one message, not a file of the size of the process."""
    try:
        import resource
    except ImportError:  # not on every system
        return
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


if __name__ == "__main__":
    main()
