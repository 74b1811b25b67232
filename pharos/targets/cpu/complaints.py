"""What LLVM says on stderr while it generates code.

For some mistakes (inline assembly, impossible register constraints) LLVM prints an error and goes
on, and the object it then writes computes nonsense. Nothing but the text tells.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pharos.core.errors import UserError

_ERROR = re.compile(r"^(?:.*: )?error: (.*)$", re.MULTILINE)
_STDERR = 2


@contextmanager
def complaints_are_errors() -> Iterator[None]:
    """Raise UserError after the block when LLVM printed an error inside; other text is passed on.

    Takes the process's stderr for the duration of the block, whoever writes to it. Where stderr
    is a file, as it is for a child that compiles, the text goes to it as it comes: when LLVM
    ends the process, its last words are there.
    """
    sys.stderr.flush()
    is_file = stat.S_ISREG(os.fstat(_STDERR).st_mode) and os.path.exists("/proc/self/fd/2")
    with _watched() if is_file else _redirected() as taken:
        yield
    found = list(dict.fromkeys(_ERROR.findall(taken())))
    if found:
        raise UserError(
            f"LLVM cannot generate code: {'; '.join(found)}",
            hint="look for inline assembly or intrinsics that this processor does not have",
        )


@contextmanager
def _watched() -> Iterator[Callable[[], str]]:
    """Read what is added to the file that stderr is; errors are taken out of it again."""
    start = os.fstat(_STDERR).st_size

    def taken() -> str:
        with open("/proc/self/fd/2", "rb") as file:
            file.seek(start)
            said = file.read().decode("utf-8", "replace")
        if _ERROR.search(said):
            os.ftruncate(_STDERR, start)
            os.lseek(_STDERR, start, os.SEEK_SET)
        return said

    yield taken


@contextmanager
def _redirected() -> Iterator[Callable[[], str]]:
    """Send stderr to a file, and pass on at the end what is no error."""
    with tempfile.TemporaryFile() as file, contextlib.ExitStack() as stack:
        kept = os.dup(_STDERR)
        said = ""

        def restore() -> None:
            nonlocal said
            os.dup2(kept, _STDERR)
            os.close(kept)
            file.seek(0)
            said = file.read().decode("utf-8", "replace")
            if sys.exc_info()[0] is not None or not _ERROR.search(said):
                sys.stderr.write(said)

        stack.callback(restore)
        os.dup2(file.fileno(), _STDERR)
        yield lambda: said
