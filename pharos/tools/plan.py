"""pharos plan, pharos explain: what a payload would be compiled with, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from pharos.tools import options
from pharos.tools.console import remark

Output = Annotated[
    str | None, typer.Option("-o", "--output", metavar="OUT", help="Write the plan to this file.")
]
File = Annotated[
    str, typer.Argument(metavar="FILE", help="A .lisp or .mlir file; - for MLIR on stdin.")
]


def plan(
    file: File,
    target: options.Target = "cpu",
    pipeline: options.Pipeline = None,
    parameter: options.Parameter = None,
    stage: options.Stage = None,
    plan: options.PlanFile = None,
    output: Output = None,
) -> None:
    """Print what a payload would be compiled with, as YAML.

    The plan has the payload's motifs, the pipeline, and each parameter with its value and where it
    came from. Edited or not, it is replayed by --plan of run and opt.

    \b
    Examples:
      pharos plan kernel.mlir --target cpu
      pharos plan kernel.mlir --parameter contraction.mr=8 -o kernel.plan.yaml
      pharos run kernel.mlir --plan kernel.plan.yaml
    """
    stages = options.Stages(target, pipeline, stage, parameter, plan=plan)
    text = _planned(file, stages, lambda found: found.yaml())
    if output in (None, "-"):
        print(text, end="")
        return
    from pharos.pipeline.dumps import write_text

    write_text(Path(output or ""), text)
    remark(f"wrote {output}")


def explain(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="A .lisp or .mlir file; without one, no motifs."),
    ] = None,
    target: options.Target = "cpu",
    pipeline: options.Pipeline = None,
    parameter: options.Parameter = None,
    stage: options.Stage = None,
    plan: options.PlanFile = None,
) -> None:
    """Print all stages in order, and where their values came from.

    \b
    Examples:
      pharos explain
      pharos explain kernel.mlir --plan kernel.plan.yaml
    """
    stages = options.Stages(target, pipeline, stage, parameter, plan=plan)
    if file is None:
        from pharos import toolchain

        print(toolchain.plan(stages.request()).explain())
        return
    print(_planned(file, stages, lambda found: found.explain()))


def _planned(file: str, stages: options.Stages, tell: Callable[[Any], str]) -> str:
    """What ``tell`` says of the plan, made in a child process: MLIR may abort."""
    from pharos import toolchain
    from pharos.tools import apart

    payload, request = options.read(file), stages.request()

    def work(report: Any) -> str:
        report(toolchain.PLAN)
        return tell(toolchain.make_plan(payload, request))

    return apart.isolated(payload, None, work)
