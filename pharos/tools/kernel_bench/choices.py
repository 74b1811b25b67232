"""The options of kernel-bench, as typer reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Problems = Annotated[
    list[str] | None,
    typer.Argument(metavar="PROBLEM...", help="level1, level1/3, level1/3-7, a name, FILE.py, all"),
]
Target = Annotated[
    str | None, typer.Option(help="What to compile for; default: the first that runs here.")
]
KernelBench = Annotated[
    Path | None,
    typer.Option("--kernelbench", metavar="DIR", help="Problems of this checkout of KernelBench."),
]
MaxMb = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Halve sizes until a problem needs at most this many MiB; 0: no limit. "
        "Default: 0, on simulated devices 1.",
    ),
]
MaxGflop = Annotated[
    float | None,
    typer.Option(min=0, help="And at most this many GFLOP per call; simulated: 0.005."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A size of the problem; may be repeated."),
]
InitArgs = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="Arguments of Model, as Python writes a list: '[64, (3,)]'."),
]
Inputs = Annotated[
    str | None,
    typer.Option("--input", metavar="ITEM,...", help="Inputs, as in pharos run: 8x16xf32xrnd."),
]
Dtype = Annotated[str, typer.Option(metavar="f32|bf16|f16|f64", help="Of weights and inputs.")]
Mode = Annotated[
    str | None, typer.Option(metavar="train|eval", help="Of the model; default: the problem's.")
]
Seeds = Annotated[int, typer.Option(min=1, help="Sets of random inputs to check.")]
Rtol = Annotated[
    float | None, typer.Option(min=0, help="Allowed error as a part of the value; see the docs.")
]
Atol = Annotated[
    float | None, typer.Option(min=0, help="Allowed error as a part of the result's rms.")
]
Benchmark = Annotated[
    bool | None,
    typer.Option("--benchmark/--no-benchmark", help="Time it; default: not on simulated devices."),
]
Compare = Annotated[
    list[str] | None,
    typer.Option(metavar="inductor", help="Time this peer too, beside eager; may be repeated."),
]
Runs = Annotated[int, typer.Option(min=1, help="Rounds of timing; fewer for slow problems.")]
Warmup = Annotated[int, typer.Option(min=0, help="Calls before them.")]
Seconds = Annotated[float, typer.Option(min=0, help="Timing takes about this long per problem.")]
Jobs = Annotated[int, typer.Option(min=1, help="Problems at a time; who is timed is alone.")]
TimeLimit = Annotated[float, typer.Option(min=0, help="Seconds per problem; 0: no limit.")]
CompileLimit = Annotated[float, typer.Option(min=0, help="Seconds to compile it; 0: no limit.")]
MemoryLimit = Annotated[
    int, typer.Option(min=0, help="MiB per problem; 0: three quarters of the machine's.")
]
RunDir = Annotated[
    Path | None,
    typer.Option("--run", metavar="DIR", help="Where rows are kept; one that exists goes on."),
]
Retry = Annotated[bool, typer.Option("--retry", help="Try again what was not correct.")]
Against = Annotated[
    str | None, typer.Option(metavar="DIR|last", help="Compare with that earlier run.")
]
Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="DIR", help="Write the run as a page with plots there."),
]
DumpAfter = Annotated[
    list[str] | None,
    typer.Option(metavar="STAGE|all|import", help="Write the module after this; may be repeated."),
]
DumpDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where to write it; default: dumps in the run.")
]
Assembly = Annotated[bool, typer.Option("--assembly", help="Write the assembly there.")]
Object = Annotated[bool, typer.Option("--object", help="Write the object code there.")]
Plan = Annotated[
    Path | None,
    typer.Option(metavar="FILE|DIR", help="Replay this plan, or each problem's plan in DIR."),
]
PlanOut = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write each problem's plan there.")
]
Print = Annotated[
    int, typer.Option("--print", min=0, help="Elements of each result to print; 0 for none.")
]
