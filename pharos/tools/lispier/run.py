"""lispier run: compile a program and call its main."""

from __future__ import annotations

from typing import Annotated

import typer

from pharos.tools import options
from pharos.tools.lispier.arguments import File

Arguments = Annotated[
    list[str] | None, typer.Argument(metavar="ARG", help="The program's arguments.")
]


def run(
    file: File,
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
    from pharos.toolchain import for_program
    from pharos.tools.lispier.running import run_file

    request = options.Stages(for_program(target), pipeline, parameter=parameter).request()
    run_file(file, tuple(arguments or ()), request, time=time)
