"""lispier build: programs as files that run, or are linked, without Pharos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pharos.tools import options
from pharos.tools.console import remark
from pharos.tools.lispier import programs
from pharos.tools.lispier.arguments import File

if TYPE_CHECKING:
    from pharos.core.artifact import Artifact
    from pharos.runtime.child import Report
    from pharos.targets.cpu.standalone import Start

Output = Annotated[
    Path,
    typer.Option("-o", "--output", metavar="OUT", help="OUT.o, OUT.so, or an executable."),
]


def build(
    file: File,
    output: Output,
    pipeline: options.Pipeline = None,
    parameter: options.Parameter = None,
) -> None:
    """Compile a program to a file for this machine.

    The name of OUT decides what it becomes: OUT.o is an object file, OUT.so a shared library,
    anything else an executable. Code is position-independent. C calls a function NAME that takes
    numbers and pointers by its name, and any function through _mlir_ciface_NAME.

    An executable passes its arguments to main and prints the number that main returns. Its
    parallel loops use as many threads as OMP_NUM_THREADS says, or as there are processors.

    \b
    Examples:
      lispier build hello.lisp -o hello
      lispier build kernels.lisp -o libkernels.so
    """
    from pharos import toolchain
    from pharos.lisp.lean import without_macros
    from pharos.targets.cpu.standalone import compile_module, link, mark
    from pharos.tools import apart

    payload = programs.payload(without_macros(programs.load(file)))
    request = options.Stages("cpu", pipeline, parameter=parameter).request()
    executable = output.suffix not in (".o", ".so")

    def work(report: Report) -> tuple[Artifact, Start | None]:
        report(toolchain.FRONT_END)
        module = payload.module()
        start = mark(module, executable=executable)
        marked = replace(payload, make=lambda: module)
        result = toolchain.lower(marked, request, watch=report)
        report(toolchain.CODE_GENERATION)
        return compile_module(result.module, payload.libraries), start

    artifact, start = apart.isolated(payload, request, work)
    if start is not None and start.unprinted:
        remark(f"warning: main returns {start.unprinted}; the executable will not print it")
    if start is not None and payload.compilation and pipeline is None:
        start = replace(start, result=0)  # as when it is run
    link(artifact, output, start)
