"""The entry point ``pharos``: the commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from pharos.tools.cache import cache
from pharos.tools.doctor import doctor
from pharos.tools.entry import enter
from pharos.tools.gpt2 import gpt2
from pharos.tools.opt import opt
from pharos.tools.run import run
from pharos.tools.targets import targets

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
    enter(app, "pharos", arguments)
