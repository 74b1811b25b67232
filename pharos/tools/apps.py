"""What the command lines ``pharos`` and ``lispier`` have in common."""

from __future__ import annotations

from typing import Annotated

import typer


def application(name: str, about: str) -> typer.Typer:
    """An empty command line; without a command it prints its help, which begins with ``about``."""
    app = typer.Typer(
        name=name,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True, help=about)(_root)
    return app


def _print_version(context: typer.Context, wanted: bool) -> None:
    if wanted:
        from pharos import __version__

        print(f"{context.info_name} {__version__}")
        raise typer.Exit


def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Its version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
