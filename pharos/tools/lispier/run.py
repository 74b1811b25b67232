"""lispier run: compile a program and call its main."""

from __future__ import annotations

from typing import Annotated

import typer

from pharos.core.errors import UserError
from pharos.tools import options
from pharos.tools.lispier import programs

Arguments = Annotated[
    list[str] | None, typer.Argument(metavar="ARG", help="The program's arguments.")
]


def run(
    file: programs.File,
    arguments: Arguments = None,
    target: options.Target = "cpu",
    pipeline: options.Pipeline = None,
    parameter: options.Parameter = None,
    time: options.Time = False,
) -> None:
    """Run a program and print the number that main returns.

    The program's arguments follow the file; main gets them when it takes (i32 or i64, !llvm.ptr):
    how many there are, and their texts. A compilation block in the program says for each target
    which passes run, unless --pipeline does.

    \b
    Examples:
      lispier run hello.lisp
      lispier run --pipeline default examples/gpt2/generate.lisp model.bin tokenizer.bin 64
    """
    from pharos.tools import apart, calling
    from pharos.tools.console import remark_build

    request = options.Stages(target, pipeline, parameter=parameter).request()
    built = apart.build(programs.payload(programs.load(file)), request, fresh=time)
    remark_build(built.timings if time else (), built.dumps)
    _require_main(file, built.artifact)
    calling.run_program(
        calling.Wanted(file, built, arguments=tuple(arguments or ())), as_json=False
    )


def _require_main(file: str, artifact: object) -> None:
    """Raise UserError unless there is a main to call."""
    from pharos.core.artifact import Artifact

    assert isinstance(artifact, Artifact)
    names = [entry.name for entry in artifact.entries]
    if "main" in names:
        return
    reason = artifact.metadata.get("uncallable", {}).get("main")
    if reason is not None:
        raise UserError(
            f"{programs.name_of(file)}: main cannot be called: {reason}",
            hint="main takes nothing, or (i32 or i64, !llvm.ptr) for the program's arguments",
        )
    raise UserError(
        f"{programs.name_of(file)}: expected a function main, found "
        f"{', '.join(names) or 'no function'}",
        hint="write (defn main [] -> i32 ... (func.return (: 0 i32))), without :sym_visibility",
    )
