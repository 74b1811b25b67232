"""pharos run: compile a program or a module, call it, print what it gives."""

from __future__ import annotations

from dataclasses import replace as replaced
from typing import Annotated

import typer

from pharos.tools import options
from pharos.tools.console import remark_build

# What has a main, which runs on the CPU whatever its kernels run on.
_PROGRAMS = (".lisp", ".lsp")
Arguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="ARG", help="The program's arguments; those with - after --."),
]
Entry = Annotated[str | None, typer.Option(metavar="NAME", help="The function to call.")]
Inputs = Annotated[
    str | None,
    typer.Option("--input", metavar="ITEM,...", help="The function's arguments, as above."),
]
Runs = Annotated[
    int | None, typer.Option(min=1, help="Samples of a benchmark, at least.  [default: 10]")
]
Warmup = Annotated[int | None, typer.Option(min=0, help="Calls before them.  [default: 3]")]
Count = Annotated[int, typer.Option("--print", min=0, help="Elements of an array to print.")]


def run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A .lisp, .mlir or .py file.")],
    arguments: Arguments = None,
    target: options.Target = "cpu",
    pipeline: options.Pipeline = None,
    parameter: options.Parameter = None,
    stage: options.Stage = None,
    plan: options.PlanFile = None,
    entry: Entry = None,
    inputs: Inputs = None,
    seed: options.Seed = 0,
    benchmark: Annotated[bool, typer.Option("--benchmark", help="Time the function.")] = False,
    runs: Runs = None,
    warmup: Warmup = None,
    count: Count = 10,
    dump_after: options.DumpAfter = None,
    dump_dir: options.DumpDir = None,
    start_at: options.StartAt = None,
    stop_after: options.StopAfter = None,
    replace: options.Replace = None,
    time: options.Time = False,
    as_json: options.Json = False,
) -> None:
    """Run a program, or any function of a module.

    The function main of a Lisp program is called with the ARGs, and its result, a number, is
    printed after what the program prints. For a GPU, its kernels run there and main on the CPU.

    \b
    Of a module, main or the only function or --entry is called. Its --input is a list of items,
    one per argument: sizes, element type and value, joined by x, or @FILE.
      256x512xf32xrnd    random: floats normal, integers from -9 to 9
      64x64xf64xid       the identity
      f32x0.5            a scalar; 0, 1 and other numbers fill arrays too
      @weights.npy       an array that numpy saved

    A .py file defines Model, get_inputs and get_init_inputs, as KernelBench's do: the model's
    results are compared with PyTorch's, and timed beside them.

    \b
    Examples:
      pharos run examples/gpt2/generate.lisp model.bin tokenizer.bin 64
      pharos run matmul.mlir --entry f --input 256x512xf32xrnd,512x64xf32xrnd --benchmark
      pharos run model.py --benchmark
    """
    from pharos import toolchain
    from pharos.tools import apart, calling, models

    driving = (dump_after, dump_dir, start_at, stop_after, replace)
    stages = options.Stages(target, pipeline, stage, parameter, *driving, plan)
    if not (entry or inputs or stop_after) and file.endswith(_PROGRAMS):
        stages = replaced(stages, target=toolchain.for_program(target))
    request = stages.request()
    measured = calling.measuring(benchmark, warmup, runs)
    if models.is_model(file) and stop_after is None:
        models.refuse({"--entry": entry, "--input": inputs, "ARG": arguments})
        models.run(models.Wanted(file, seed, measured, time, as_json), request)
        return
    if stop_after is not None:
        lowered = apart.lower(options.read(file), request, timed=time)
        calling.print_module(file, lowered, time=time, as_json=as_json)
        return
    built = apart.build(options.read(file), request, timed=time)
    remark_build(built, time=time and not as_json)
    calling.run(
        calling.Wanted(file, built, entry, inputs, tuple(arguments or ()), seed, count),
        measured=measured,
        as_json=as_json,
    )
