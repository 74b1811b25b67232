"""Arguments that several commands of lispier share."""

from __future__ import annotations

from typing import Annotated

import typer

File = Annotated[
    str, typer.Argument(metavar="FILE", help="A Lispier program; - for standard input.")
]
