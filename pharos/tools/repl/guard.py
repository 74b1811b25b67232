"""A copy of the process that waits beside it and goes on in its place when it dies.

worker ---fork---> guard (sleeps)
  | a line that does well: the guard is ended, a new one is made
  X a crash, an error, Ctrl-C: the guard wakes up; for it the line never happened
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from dataclasses import dataclass

# Linux, include/uapi/linux/prctl.h.
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


@dataclass(frozen=True)
class Guard:
    """The process that waits for this one to die."""

    pid: int
    alive: int  # the end of the pipe that only this process holds open

    def end(self) -> None:
        """Do without the guard: what happened since it was made stays."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.alive)


def stand_guard() -> Guard | None:
    """Fork a guard. Returns it in this process, and None in the guard once this process is dead."""
    reading, writing = os.pipe()
    guarded = os.getpid()
    pid = os.fork()
    if pid:
        os.close(reading)
        return Guard(pid, writing)
    os.close(writing)
    while os.read(reading, 1):
        pass
    os.close(reading)
    # A dying process closes its files before it gives its children away.
    while os.getppid() == guarded:
        time.sleep(0.0002)
    return None


def die_with_parent() -> None:
    """Let this process end when the one that started or adopted it does (Linux only)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of processes whose parent, below this one, dies (Linux only)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def bury_orphans() -> None:
    """Take note of the end of adopted processes, which else would stay in the process table."""
    with contextlib.suppress(ChildProcessError):  # there is none at all
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(AttributeError):  # no such function: another system
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
