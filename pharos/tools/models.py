"""``pharos run model.py``: a PyTorch model as compiled code, checked against eager."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import typer

from pharos import toolchain
from pharos.core.errors import UserError
from pharos.runtime import Timing, benchmark
from pharos.tools import apart
from pharos.tools.console import print_json, remark_build


@dataclass(frozen=True)
class Wanted:
    """A file in KernelBench's form and the seed of its weights and inputs. ``measured`` is
    (warm-up, runs) of a benchmark; ``time`` tells of each step of the compilation."""

    file: str
    seed: int
    measured: tuple[int, int] | None
    time: bool
    as_json: bool


def is_model(file: str) -> bool:
    """Whether ``file`` is for this command."""
    return file.endswith(".py")


def refuse(options: dict[str, Any]) -> None:
    """Raise UserError for the first of ``options`` that is given: a model has its own inputs."""
    for name, given in options.items():
        if given:
            raise UserError(
                f"{name} does not go with a model in Python, found {given!r}",
                hint="its get_inputs() makes the inputs, --seed chooses their numbers",
            )


def run(wanted: Wanted, request: toolchain.Request) -> None:
    """Compile and call the model, print what its results are and how far from eager's.

    Exits with status 1 when they are not eager's.
    """
    from pharos.kernelbench.check import Expected, compare
    from pharos.kernelbench.tolerance import tolerance_for
    from pharos.toolchain.torch_function import TorchFunction

    problem = toolchain.read_problem(wanted.file, wanted.seed)
    built = apart.build(problem.payload, request, timed=wanted.time)
    remark_build(built, time=wanted.time and not wanted.as_json)
    made, seed = problem.made, wanted.seed
    function = TorchFunction(problem.imported, built.artifact)
    # What the model draws is drawn when the call is bound.
    bound = made.seeded(seed, lambda: function.bind(*made.inputs, poison=True))
    expected = Expected(made.seeded(seed, made.eager()))
    again = made.eager()
    bound()
    verdict = compare(bound.finish(), expected, lambda dtype: tolerance_for(dtype, None, None))
    timings = {}
    if wanted.measured is not None and not verdict.wrong:
        warmup, runs = wanted.measured
        for name, call in (("compiled", bound), ("eager", again)):
            timings[name] = benchmark(call, warmup=warmup, runs=runs)
    _print(wanted, problem.imported, built, verdict, timings)
    if verdict.wrong:
        raise typer.Exit(1)


def _print(
    wanted: Wanted, imported: Any, built: Any, verdict: Any, timings: dict[str, Timing]
) -> None:
    outputs = [result for result in imported.results if result.role == "output"]
    if wanted.as_json:
        keys = ("min", "median", "iqr", "n")
        print_json(
            {
                "program": wanted.file,
                "target": built.artifact.target,
                "cached": built.cached,
                "results": [{"dtype": r.dtype, "shape": list(r.shape)} for r in outputs],
                "wrong": verdict.wrong,
                "error": verdict.error,
                "seconds": {n: {k: getattr(t, k) for k in keys} for n, t in timings.items()},
            }
        )
        return
    for number, result in enumerate(outputs):
        print(f"result {number}: {result.dtype}{list(result.shape)}")
    print(
        f"differs from eager: {verdict.wrong}"
        if verdict.wrong
        else f"agrees with eager: the largest difference is {verdict.error:.2g} of the rms"
    )
    for name, timing in timings.items():
        print(f"{name}: {timing}")
