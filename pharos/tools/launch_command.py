"""pharos launch: run a folder that pharos build made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pharos.tools import options

Inputs = Annotated[
    str | None,
    typer.Option("--input", metavar="ITEM,...", help="Its arguments, as in pharos run."),
]
Entry = Annotated[str | None, typer.Option(metavar="NAME", help="The function to call.")]
Runs = Annotated[int | None, typer.Option(min=1, help="Samples of a benchmark.  [default: 10]")]
Warmup = Annotated[int | None, typer.Option(min=0, help="Calls before them.  [default: 3]")]
Count = Annotated[int, typer.Option("--print", min=0, help="Elements of an array to print.")]
Number = Annotated[int, typer.Option("--device", min=0, help="Which of several devices.")]
Target = Annotated[
    str | None, typer.Option(help="Refuse a folder that was built for another target.")
]


def launch(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What pharos build made.")],
    inputs: Inputs = None,
    entry: Entry = None,
    seed: options.Seed = 0,
    benchmark: Annotated[bool, typer.Option("--benchmark", help="Time the function.")] = False,
    runs: Runs = None,
    warmup: Warmup = None,
    count: Count = 10,
    device: Number = 0,
    target: Target = None,
    as_json: options.Json = False,
) -> None:
    """Run a built program, without compiling anything.

    Times of --benchmark are the device's own, of one run each, with all arrays on the device.

    \b
    Examples:
      pharos launch matmul --input 256x512xf16xrnd,512x64xf16xrnd --benchmark
      python matmul/launch.pyz matmul --input 256x512xf16xrnd,512x64xf16xrnd
    """
    from pharos.tools.calling import measuring
    from pharos.tools.launching.launch import Wanted, launch

    measured = measuring(benchmark, warmup, runs)
    launch(Wanted(folder, inputs, entry, seed, measured, count, as_json, device, target))
