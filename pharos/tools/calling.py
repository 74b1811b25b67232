"""What ``pharos run`` does with an artifact: choose a function, call or measure it, print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos import toolchain
from pharos.core.artifact import Artifact, EntryPoint
from pharos.core.errors import UserError
from pharos.runtime import Timing, benchmark
from pharos.runtime.checks import describe
from pharos.tools.apart import Lowered
from pharos.tools.console import Times, print_json, remark_build, stdout_to_stderr
from pharos.tools.inputs import example, make_inputs, parse_inputs
from pharos.tools.mains import printed, run_main
from pharos.tools.values import Output, as_data, as_text, outputs, plain

MAIN = "main"


@dataclass(frozen=True)
class Wanted:
    """What the user asked for.

    ``inputs`` describe arguments of a function, ``arguments`` are a program's. ``count`` is how
    many elements of an array are printed.
    """

    file: str
    built: toolchain.Built
    entry: str | None = None
    inputs: str | None = None
    arguments: tuple[str, ...] = ()
    seed: int = 0
    count: int = 10


def run(wanted: Wanted, *, measured: tuple[int, int] | None, as_json: bool) -> None:
    """Call or, with (warm-up, runs), measure the function, and print what it gives.

    Raises UserError for a function or inputs that do not fit.
    """
    artifact = wanted.built.artifact
    lisp = wanted.file.endswith((".lisp", ".lsp"))
    name = wanted.entry or choose_entry(artifact, wanted.file, lisp=lisp)
    if measured is None and wanted.inputs is None and _is_program(artifact, name, lisp=lisp):
        _run_program(wanted, as_json=as_json)
        return
    if wanted.arguments:
        raise UserError(
            f"'{name}' is called with --input, found the program arguments "
            f"{' '.join(wanted.arguments)}",
            hint="only a main that takes (i32 or i64, !llvm.ptr) has program arguments",
        )
    call = Call.of(toolchain.load(artifact), name, wanted.inputs, wanted.seed)
    if measured is None:
        _print_outputs(wanted, name, call.run(), as_json)
    else:
        _print_timing(wanted, name, call.measure(*measured), as_json)


def measuring(benchmark: bool, warmup: int | None, runs: int | None) -> tuple[int, int] | None:
    """(warm-up, runs) of a benchmark, None without one. UserError for options of none."""
    if benchmark:
        return (3 if warmup is None else warmup, 10 if runs is None else runs)
    for option, given in (("--warmup", warmup), ("--runs", runs)):
        if given is not None:
            raise UserError(f"{option}: expected --benchmark beside it")
    return None


def choose_entry(artifact: Artifact, program: str, *, lisp: bool) -> str:
    """The function that runs when none is named: main, or the only one (not of a Lisp program).

    Raises UserError that lists the functions there are.
    """
    names = [entry.name for entry in artifact.entries]
    reasons = artifact.metadata.get("uncallable", {})
    if MAIN in names or MAIN in reasons:
        return MAIN
    if len(names) == 1 and not lisp:
        return names[0]
    if names:
        raise UserError(
            f"{program}: expected a function main, found {', '.join(names)}",
            hint=f"name the one to call: --entry {names[0]}",
        )
    lines = [f"'{name}' cannot be called: {reason}" for name, reason in reasons.items()]
    raise UserError(
        f"{program}: expected a function to call, found none",
        hint="; ".join(lines) or "a function that has a body and is not private can be called",
    )


def _is_program(artifact: Artifact, name: str, *, lisp: bool) -> bool:
    """Whether ``name`` is called the way programs are: with strings, or from Lisp."""
    if name != MAIN:
        return False
    main = [entry for entry in artifact.entries if entry.name == MAIN]
    return lisp or any(argument.kind == "pointer" for entry in main for argument in entry.arguments)


@dataclass(frozen=True)
class Call:
    """A function with its inputs, ready to be called on the device."""

    entry: EntryPoint
    arguments: list[Any]
    bound: Any

    @staticmethod
    def of(runner: Any, name: str, inputs: str | None, seed: int) -> Call:
        """The function ``name`` with the inputs that ``inputs`` describes."""
        entry = runner.entry(name)
        if inputs is None and entry.arguments:
            raise UserError(
                f"'{name}' takes {', '.join(map(describe, entry.arguments))}; found no --input",
                hint=example(entry),
            )
        items = parse_inputs(inputs) if inputs is not None else []
        arguments = make_inputs(items, entry, seed)
        return Call(entry, arguments, runner.bind(name, *arguments))

    def run(self) -> list[Output]:
        """Call it once."""
        return outputs(self.entry, self.arguments, self.bound())

    def measure(self, warmup: int, runs: int) -> Timing:
        """Seconds per call."""
        return benchmark(self.bound, warmup=warmup, runs=runs)


def print_module(file: str, lowered: Lowered, *, time: bool, as_json: bool) -> None:
    """The module where ``--stop-after`` stopped, in place of a result."""
    if not as_json:
        print(lowered.text, end="")
        remark_build(lowered, time=time)
        return
    print_json({"program": file, "module": lowered.text, **_built(lowered)})


def _built(built: toolchain.Built | Lowered) -> dict[str, Any]:
    steps = [
        {"step": step, "seconds": seconds, **_passes(built.passes.get(step, ()))}
        for step, seconds in built.timings
    ]
    return {"steps": steps, "dumps": [str(path) for path in built.dumps]}


def _passes(times: Times) -> dict[str, Any]:
    inside = [{"pass": name, "seconds": seconds} for name, seconds in times]
    return {"passes": inside} if inside else {}


def _run_program(wanted: Wanted, *, as_json: bool) -> None:
    """Call main with the program's arguments and print its result, if that is a number."""
    artifact = wanted.built.artifact
    if as_json:
        # The document is all that stdout has; what the program prints goes to stderr.
        with stdout_to_stderr():
            result = toolchain.run_main(artifact, wanted.arguments)
        value = plain(result.value) if result.dtype in printed(artifact) else None
        print_json({**_head(wanted, MAIN), "dtype": result.dtype or None, "result": value})
        return
    run_main(artifact, wanted.arguments)


def _print_outputs(wanted: Wanted, name: str, found: list[Output], as_json: bool) -> None:
    if as_json:
        data = [as_data(output, wanted.count) for output in found]
        print_json({**_head(wanted, name), "outputs": data})
    elif found:
        print(as_text(found, wanted.count))


def _print_timing(wanted: Wanted, name: str, timing: Timing, as_json: bool) -> None:
    if as_json:
        keys = ("min", "median", "iqr", "n")
        seconds = {key: getattr(timing, key) for key in keys}
        print_json({**_head(wanted, name), "seconds": seconds})
    else:
        print(f"{name}: {timing}")


def _head(wanted: Wanted, name: str) -> dict[str, Any]:
    """What every document of ``pharos run`` begins with."""
    built = wanted.built
    return {
        "program": wanted.file,
        "target": built.artifact.target,
        "entry": name,
        "cached": built.cached,
        **_built(built),
    }
