"""pharos tuned: the records of what pharos tune found."""

from __future__ import annotations

from typing import Annotated

import typer

from pharos import toolchain
from pharos.core.errors import UserError
from pharos.tools import options
from pharos.tools.console import print_json, print_table

tuned = typer.Typer(
    help="The parameters that pharos tune has found.", no_args_is_help=True, rich_markup_mode=None
)


@tuned.command("list")
def list_(as_json: options.Json = False) -> None:
    """What was found, for this machine and others.

    \b
    Example:
      pharos tuned list
    """
    from pharos import tuning
    from pharos.tools.tuning import show

    path = toolchain.database()
    found = tuning.records(path)
    if as_json:
        print_json({"file": path, "records": found})
    elif found:
        print_table(show.RECORD, [show.record(one) for one in found])
    else:
        print(f"{path}: no records; pharos tune FILE makes them")


@tuned.command()
def forget(
    work: Annotated[
        str, typer.Argument(metavar="TEXT", help="Records whose work has this in it.")
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="Remove all records.")] = False,
    as_json: options.Json = False,
) -> None:
    """Remove records: the cost model's choice is taken again.

    \b
    Examples:
      pharos tuned forget 1024x1024x1024
      pharos tuned forget --all
    """
    from pharos import tuning

    if bool(work) == everything:
        raise UserError(
            "expected a part of a work's text or --all, found "
            + ("both" if everything else "neither"),
            hint="pharos tuned list shows the works",
        )
    path = toolchain.database()
    gone = tuning.forget(path, lambda record: work in record["work"])
    if as_json:
        print_json({"file": path, "removed": gone})
        return
    for one in gone:
        print(f"removed: {one['work']}")
    print(f"{path}: removed {len(gone)} of {len(gone) + len(tuning.records(path))} records")
