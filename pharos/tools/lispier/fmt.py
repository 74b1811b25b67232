"""lispier fmt: set out programs in the one way, without changing what they say."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from pharos.core.errors import UserError, render
from pharos.tools.console import remark
from pharos.tools.lispier import programs

_ENDINGS = (".lisp", ".lsp")

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE", help="Programs, or folders of them; - for standard input."),
]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; fail if a file would change.")]


def fmt(files: Files, check: Check = False) -> None:
    """Format programs in place.

    Of - standard input is formatted to standard output, of a folder every .lisp and .lsp file.
    Comments and the breaks between lines stay; indentation and long lines are seen to. A file
    that cannot be read as Lispier is left alone.

    \b
    Examples:
      lispier fmt hello.lisp
      lispier fmt --check .
      lispier fmt - < hello.lisp
    """
    failed, changed, total = 0, 0, 0
    for file in _each(files):
        total += 1
        try:
            changed += _format(file, check=check)
        except UserError as error:
            failed += 1
            remark(render(error))
    if check and changed:
        remark(f"{changed} of {_count(total)} would change")
    if failed or (check and changed):
        raise typer.Exit(1)


def _count(files: int) -> str:
    return "1 file" if files == 1 else f"{files} files"


def _each(files: Sequence[str]) -> Iterator[str]:
    """The files that ``files`` name, those in folders by name."""
    for file in files:
        if file == programs.STDIN or not os.path.isdir(file):
            yield file
        else:
            found = (path for path in Path(file).rglob("*") if path.suffix in _ENDINGS)
            hidden = (path for path in found if not _is_hidden(path.relative_to(file)))
            yield from map(str, sorted(path for path in hidden if path.is_file()))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _format(file: str, *, check: bool) -> bool:
    """Format one file; whether it changes."""
    from pharos.lisp.format import format_text

    text = programs.read_text(file)
    result = format_text(text, programs.name_of(file))
    if file == programs.STDIN and not check:
        sys.stdout.write(result)
        return False
    if result == text:
        return False
    if check:
        remark(f"{programs.name_of(file)}: would change")
    else:
        _replace(Path(file), result)
        remark(f"{file}: formatted")
    return True


def _replace(path: Path, text: str) -> None:
    """Write the file at ``path`` anew, all or nothing. Links and permissions stay."""
    target = Path(os.path.realpath(path))
    mode = stat.S_IMODE(target.stat().st_mode)
    try:
        with tempfile.NamedTemporaryFile(
            "wb", dir=target.parent, prefix=f".{target.name}.", delete=False
        ) as file:
            try:
                file.write(text.encode())
                file.flush()
                os.chmod(file.name, mode)
                os.replace(file.name, target)
            except OSError:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
