"""The CPU as a target: its facts, stages, pipelines, how code is finished, its device."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from pharos.core.artifact import Artifact
from pharos.targets.cpu import facts as cpu_facts
from pharos.targets.cpu.facts import CpuFacts, host

name = "cpu"
description = "this machine's processors"
chips: tuple[str, ...] = ()
pipelines = Path(__file__).with_name("pipelines")
shared_pipelines: tuple[Path, ...] = ()
default_pipeline = "optimize"
# MiB and GFLOP that a problem of a benchmark has at most where nothing else is said; 0 is no limit.
problem_limits = (0.0, 0.0)
# Whether times taken on its device mean something, and whether Pharos needs what `checks` look for.
timed = True
needed = True
# Whether payloads may have sizes that are known only when they are called.
open_sizes = True
# Whether its code runs on the processors that run this program, at their speed.
native = True
# What compilation blocks of programs call it.
backend = "cpu"


def facts() -> CpuFacts:
    """What the processors of this machine can do."""
    return host()


def summary() -> dict[str, Any]:
    """The facts for people: of the instruction sets only those that decide which code is made."""
    return cpu_facts.summary(host())


def stages() -> Mapping[str, Callable[..., Any]]:
    """The stages written in Python that descriptors of this target may name."""
    from pharos.targets.cpu.stages import STAGES

    return STAGES


def drop_strange_result(module: Any) -> str:
    """Let main of a program start whatever it returns: what it no longer returns, as text."""
    from pharos.targets.cpu import abi

    return abi.drop_strange_result(module)


def prepare(module: Any) -> dict[str, Any]:
    """Mark what will be called from outside, and describe it, before ``module`` is lowered."""
    from pharos.targets.cpu import abi

    abi.request_wrappers(module)
    return {"entries": abi.entry_points(module), "metadata": {"uncallable": abi.uncallable(module)}}


def finish(
    module: Any,
    prepared: Mapping[str, Any],
    libraries: Sequence[str],
    provided: Collection[str] = (),
) -> Artifact:
    """Object code of ``module``, which is in the LLVM dialect.

    The functions ``provided`` will be there when it is loaded.
    """
    from pharos.targets.cpu.codegen import compile_object
    from pharos.targets.cpu.instructions import check_instructions

    check_instructions(module, host().features)
    return compile_object(module, libraries=libraries, provided=provided, **prepared)


def completed(stages: Sequence[Any]) -> Sequence[Any]:
    """The stages of a program's compilation block with what they need of us: nothing."""
    return stages


def callees(functions: Mapping[str, Callable[..., Any]], signatures: Any, name: str) -> Any:
    """Python ``functions`` that a program may call, for ``run_main``.

    ``signatures`` tell by name the ``result`` and ``parameters`` as LLVM spells them; ``name`` is
    new for each.
    """
    from pharos.targets.cpu.stopping import Callee, Stoppable

    return Stoppable(
        {
            one: Callee(signatures[one].result, signatures[one].parameters, function)
            for one, function in functions.items()
        },
        name,
    )


def assembly(artifact: Artifact) -> str:
    """The instructions of ``artifact`` as text. UserError where no disassembler knows them."""
    from pharos.targets.cpu.disassembly import disassembled, function, functions

    found = (function(artifact.code, one) for one in functions(artifact.code))
    return "\n\n".join(disassembled(one) for one in found if one is not None) + "\n"


def open_device() -> Any:
    """The device that runs this target's artifacts, a ``CpuDevice``."""
    from pharos.targets.cpu.device import CpuDevice

    return CpuDevice()


def run_main(artifact: Artifact, arguments: Sequence[str] = (), callees: Any = None) -> Any:
    """Call ``main`` of ``artifact``: a ``program.MainResult``.

    ``callees`` (``stopping.Stoppable``) are Python functions that it may call.
    """
    from pharos.targets.cpu import program

    return program.run_main(artifact, arguments, callees)


def provide(lookup: Callable[[str], int | None]) -> None:
    """Let programs call the functions whose addresses ``lookup`` tells by name."""
    from pharos.targets.cpu import symbols

    symbols.provide(lookup)


def checks() -> Mapping[str, Callable[[], str]]:
    """What this target needs of the machine, by name: each tells what it found, or raises
    UserError with the remedy."""
    from pharos.targets.cpu import checks

    return checks.CHECKS
