"""The entry point ``pharos``: the commands, and the one place where errors become exit codes.

0 done    1 the user's mistake    2 bad options    70 a bug of ours or of MLIR's    130 Ctrl-C
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

from pharos.core.errors import InternalError, UserError, render
from pharos.tools.cache import cache
from pharos.tools.doctor import doctor
from pharos.tools.gpt2 import gpt2
from pharos.tools.opt import opt
from pharos.tools.run import run
from pharos.tools.targets import targets

USER_MISTAKE, CLOSED_PIPE, OUR_BUG, INTERRUPTED = 1, 1, 70, 130

app = typer.Typer(
    name="pharos",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, opt, targets, doctor):
    app.command()(command)
app.add_typer(cache, name="cache")
app.add_typer(gpt2, name="gpt2")


def _print_version(wanted: bool) -> None:
    if wanted:
        from pharos import __version__

        print(f"pharos {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Its version.")
    ] = False,
) -> None:
    """Pharos drives MLIR: Lisp programs and MLIR modules in, fast checked code out.

    \b
    Example:
      pharos run examples/gpt2/generate.lisp model.bin tokenizer.bin 64
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line ``arguments`` (default: the process's) and exit."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character must not end the program.
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = CLOSED_PIPE
    sys.exit(status)


def _run(arguments: Sequence[str] | None) -> int:
    """Run one command; its exit status."""
    try:
        app(None if arguments is None else list(arguments), prog_name="pharos")
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
