"""pharos opt: run stages on a module and print what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pharos.core.errors import UserError
from pharos.tools import options
from pharos.tools.console import remark, remark_build

Output = Annotated[
    str | None, typer.Option("-o", "--output", metavar="OUT", help="Write to this file.")
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Print the stages with all their values, run nothing.")
]


def opt(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="A .lisp or .mlir file; - for MLIR on stdin."),
    ] = None,
    pipeline: options.Pipeline = None,
    parameter: options.Parameter = None,
    stage: options.Stage = None,
    plan: options.PlanFile = None,
    target: options.Target = "cpu",
    output: Output = None,
    explain: Explain = False,
    dump_after: options.DumpAfter = None,
    dump_dir: options.DumpDir = None,
    start_at: options.StartAt = None,
    stop_after: options.StopAfter = None,
    replace: options.Replace = None,
    time: options.Time = False,
) -> None:
    """Run stages on a module and print it.

    Without stages it is printed as it is. It is verified when it is read and after every stage.

    \b
    Examples:
      pharos opt program.lisp
      pharos opt kernel.mlir --stage canonicalize --stage 'func.func(cse)'
      pharos opt kernel.mlir --pipeline optimize --parameter threads=1 --stop-after vector-loops
      pharos opt --explain --pipeline default
    """
    stages = options.Stages(
        target,
        pipeline,
        stage,
        parameter,
        dump_after,
        dump_dir,
        start_at,
        stop_after,
        replace,
        plan,
    )
    if explain:
        from pharos import toolchain

        print(toolchain.plan(stages.request()).explain())
        return
    if file is None:
        raise UserError("expected a FILE, found none", hint="pharos opt --help shows examples")
    from pharos.tools import apart

    lowered = apart.lower(
        options.read(file), stages.request() if _runs(stages) else None, timed=time
    )
    if output in (None, "-"):
        print(lowered.text, end="")
    else:
        from pharos.pipeline.dumps import write_text

        write_text(Path(output or ""), lowered.text)
        remark(f"wrote {output}")
    remark_build(lowered, time=time)


def _runs(stages: options.Stages) -> bool:
    """Whether there are stages to run. UserError for options that would do nothing."""
    if stages.named:
        return True
    if stages.driving() or stages.parameter:
        raise UserError(
            "expected --pipeline or --stage: there are no stages that the other options could "
            "speak of",
            hint="pharos targets lists the pipelines",
        )
    return False
