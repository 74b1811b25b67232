"""pharos build: a program as a folder that runs where there is no compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pharos.core.errors import UserError
from pharos.tools import options
from pharos.tools.console import remark_build

Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to make.")]
Weights = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[ENTRY.]N=FILE",
        help="The file that is argument N: x.npy, x.safetensors:TENSOR; may be repeated.",
    ),
]


def build(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A .lisp or .mlir file.")],
    output: Output,
    target: options.Target = "nvidia",
    pipeline: options.Pipeline = None,
    parameter: options.Parameter = None,
    stage: options.Stage = None,
    plan: options.PlanFile = None,
    weights: Weights = None,
    time: options.Time = False,
) -> None:
    """Compile a GPU program into a folder that runs alone.

    The folder holds the code, what is launched in which order, constants, and launch.pyz, which
    runs it on a machine that has Python, numpy and the GPU's driver, and nothing of Pharos. Files
    named by --weights are not copied: the folder refers to them by place and hash.

    \b
    Examples:
      pharos build matmul.mlir --target nvidia:sm_90a -o matmul
      pharos launch matmul --input 256x512xf16xrnd,512x64xf16xrnd --benchmark
      pharos build layer.mlir --target amd:gfx942 --weights 1=w.npy -o layer
    """
    from pharos.tools import apart
    from pharos.tools.launching import building

    request = options.Stages(target, pipeline, stage, parameter, plan=plan).request()
    built = apart.build(options.read(file), request, timed=time)
    remark_build(built, time=time)
    building.write(built.artifact, output, _arguments(weights or []))
    print(f"{output}: {built.artifact.target}, {', '.join(e.name for e in built.artifact.entries)}")


def _arguments(texts: list[str]) -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for text in texts:
        where, equals, file = text.partition("=")
        entry, _, number = where.rpartition(".")
        if not equals or not file or not number.isdigit():
            raise UserError(f"--weights: expected [ENTRY.]N=FILE, found '{text}'")
        found.setdefault(entry or "main", {})[int(number)] = file
    return found
