"""What lispier run does, once its options are known.

A program that was run before is found in the cache by its files, without being read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pharos import toolchain
from pharos.core.artifact import Artifact
from pharos.core.errors import UserError
from pharos.tools.lispier.programs import STDIN, load, name_of, payload
from pharos.tools.mains import run_main

if TYPE_CHECKING:
    from pharos.toolchain import Built, Request


def run_file(file: str, arguments: Sequence[str], request: Request, *, time: bool = False) -> None:
    """Compile the program in ``file``, unless the cache has it, and call its main.

    With ``time``, compile it anyway and print what each step took.
    """
    found = None if time else _remembered(file, request)
    artifact = found or _built(file, request, time).artifact
    _require_main(file, artifact)
    run_main(artifact, arguments)


def _remembered(file: str, request: Request) -> Artifact | None:
    """The code of a program whose files are what they were when it was last run."""
    known = toolchain.recall(file) if file != STDIN else None
    return toolchain.cached(known, request) if known is not None else None


def _built(file: str, request: Request, time: bool) -> Built:
    from pharos.tools import apart
    from pharos.tools.console import remark_build

    program = load(file)
    built = apart.build(payload(program), request, timed=time)
    if file != STDIN:
        toolchain.remember(file, program)
    remark_build(built, time=time)
    return built


def _require_main(file: str, artifact: Artifact) -> None:
    """Raise UserError unless there is a main to call."""
    names = [entry.name for entry in artifact.entries]
    if "main" in names:
        return
    reason = artifact.metadata.get("uncallable", {}).get("main")
    if reason is not None:
        raise UserError(
            f"{name_of(file)}: main cannot be called: {reason}",
            hint="main takes nothing, or (i32 or i64, !llvm.ptr) for the program's arguments",
        )
    raise UserError(
        f"{name_of(file)}: expected a function main, found {', '.join(names) or 'no function'}",
        hint="write (defn main [] -> i32 ... (func.return (: 0 i32))), without :sym_visibility",
    )
