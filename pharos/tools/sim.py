"""pharos sim: run a function on a simulated device and tell what its kernels did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pharos.tools import options
from pharos.tools.console import print_json, print_table, remark_build

Entry = Annotated[str | None, typer.Option(metavar="NAME", help="The function to call.")]
Inputs = Annotated[
    str | None,
    typer.Option("--input", metavar="ITEM,...", help="Its arguments, as in pharos run."),
]
Target = Annotated[
    str | None, typer.Option(help="A simulated target; default: the first, see pharos targets.")
]
Order = Annotated[
    str | None,
    typer.Option(metavar="forward|backward|shuffled", help="How work-items of a block start."),
]
Effects = Annotated[
    str | None,
    typer.Option(metavar="latest|earliest", help="When asynchronous copies happen."),
]
Checks = Annotated[bool, typer.Option("--checks/--no-checks", help="Check every access.")]
Trace = Annotated[
    str | None,
    typer.Option(metavar="OUT", help="Write what one thread executes to this file; - for stdout."),
]
Kernel = Annotated[
    str | None, typer.Option(metavar="NAME", help="The kernel to trace; default: the first.")
]
Block = Annotated[str, typer.Option(metavar="X,Y,Z", help="The block of the thread to trace.")]
Thread = Annotated[str, typer.Option(metavar="X,Y,Z", help="Which work-item of that block.")]
Count = Annotated[int, typer.Option("--print", min=0, help="Elements of an array to print.")]


def sim(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An .mlir file.")],
    target: Target = None,
    pipeline: options.Pipeline = None,
    parameter: options.Parameter = None,
    stage: options.Stage = None,
    plan: options.PlanFile = None,
    entry: Entry = None,
    inputs: Inputs = None,
    seed: options.Seed = 0,
    order: Order = None,
    effects: Effects = None,
    checks: Checks = True,
    trace: Trace = None,
    kernel: Kernel = None,
    block: Block = "0",
    thread: Thread = "0",
    count: Count = 10,
    as_json: options.Json = False,
) -> None:
    """Run a function on a simulated GPU.

    Its launches are listed, then its results.

    A kernel that does wrong (threads that wait for ever, accesses out of bounds, races) ends the
    command with its name, the block, the thread and the line of FILE.

    \b
    Examples:
      pharos sim matmul.mlir --target nvidia:sim --input 64x64xf16xrnd,64x64xf16xrnd
      pharos sim matmul.mlir --input 8x8xf32xrnd,8x8xf32xrnd --trace - --thread 37
      pharos sim softmax.mlir --target amd:gfx942:sim --input 8x100xf32xrnd --order backward
    """
    from pharos.tools import apart, simulating

    chosen = simulating.target(target)
    request = options.Stages(chosen, pipeline, stage, parameter, plan=plan).request()
    payload = options.read(file)
    built = apart.build(payload, request)
    remark_build(built, time=False)
    traced = simulating.traced(kernel, block, thread) if trace is not None else None
    how = simulating.How(order, effects, checks, traced)
    try:
        run = simulating.run(file, built.artifact, how, entry, inputs, seed)
    finally:
        # A thread that stops is the one whose trace is wanted most.
        if traced is not None and traced.done:
            _write(trace or "-", simulating.trace_text(traced))
    simulating.check_traced(traced)
    if as_json:
        print_json(simulating.document(file, chosen, run, count))
        return
    _print(run, count)


def _write(place: str, text: str) -> None:
    if place == "-":
        print(text, end="")
        return
    from pharos.pipeline.dumps import write_text

    write_text(Path(place), text)


def _print(run: Any, count: int) -> None:
    from pharos.tools.values import as_text

    rows = [
        (ran.kernel, _sizes(ran.grid), _sizes(ran.block), str(ran.shared), f"{ms:.1f}", ran.place)
        for ran, ms in run.launches
    ]
    print_table(("kernel", "blocks", "work-items", ">dynamic shared", ">ms", "place"), rows)
    if run.outputs:
        print(as_text(run.outputs, count))


def _sizes(sizes: tuple[int, ...]) -> str:
    return "x".join(map(str, sizes))
