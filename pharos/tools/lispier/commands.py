"""The commands of ``lispier``."""

from __future__ import annotations

from typing import Annotated

import typer

from pharos.tools.lispier.build import build
from pharos.tools.lispier.check import check
from pharos.tools.lispier.evaluate import evaluate
from pharos.tools.lispier.fmt import fmt
from pharos.tools.lispier.lsp import lsp
from pharos.tools.lispier.repl import repl
from pharos.tools.lispier.run import run
from pharos.tools.lispier.show import show_ast, show_expanded, show_ir

app = typer.Typer(
    name="lispier",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# A program's arguments may look like options; those of lispier stand before the file.
app.command(context_settings={"allow_interspersed_args": False})(run)
app.command()(show_ast)
app.command()(show_ir)
app.command()(show_expanded)
app.command("eval")(evaluate)
app.command()(check)
app.command()(build)
app.command()(fmt)
app.command()(repl)
app.command()(lsp)


def _print_version(wanted: bool) -> None:
    if wanted:
        from pharos import __version__

        print(f"lispier {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Its version.")
    ] = False,
) -> None:
    """Lispier, the Lisp whose forms are MLIR operations.

    \b
    Example:
      lispier eval '(arith.addi (: 40 i64) 2)'
    """
    if context.invoked_subcommand is None:
        print(context.get_help())
