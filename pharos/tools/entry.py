"""Where a command line begins and ends: the one place where errors become exit codes.

0 done    1 the user's mistake    2 bad options    70 a bug of ours or of MLIR's    130 Ctrl-C
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from pharos.core.errors import InternalError, UserError, render

USER_MISTAKE, CLOSED_PIPE, OUR_BUG, INTERRUPTED = 1, 1, 70, 130


def enter(command: Callable[..., Any], name: str, arguments: Sequence[str] | None) -> NoReturn:
    """Run ``command``, a typer.Typer or what is called like one, and exit.

    It is the program called ``name``; ``arguments`` are the process's when None.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character must not end the program.
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        status = _run(command, name, arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = CLOSED_PIPE
    sys.exit(status)


def _run(command: Callable[..., Any], name: str, arguments: Sequence[str] | None) -> int:
    """Run one command; its exit status."""
    try:
        command(None if arguments is None else list(arguments), prog_name=name)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except UserError as error:
        return _failed(render(error), USER_MISTAKE)
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is None:
            return _failed(_bug(error), OUR_BUG)
        return _failed(f"error: {error.filename}: {error.strerror}", USER_MISTAKE)
    except Exception as error:  # the last boundary: nothing of ours leaves without a word
        return _failed(_bug(error), OUR_BUG)
    return 0


def _failed(text: str, status: int) -> int:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    print(text, file=sys.stderr)
    return status


def _bug(error: Exception) -> str:
    """A bug of ours as text. A crash of MLIR has no traceback that would say anything."""
    from pharos.tools.apart import Crash

    if isinstance(error, Crash):
        return str(error)
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, InternalError):
        return f"{trace}{error}"
    return (
        f"{trace}internal error: {type(error).__name__}; pharos doctor looks for what may be broken"
    )
