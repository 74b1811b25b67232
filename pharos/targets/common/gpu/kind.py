"""What a folder ``targets/X`` of a GPU vendor supplies; ``target.GpuTarget`` does the rest.

A folder's ``target.py`` is short:

    NVIDIA = GpuKind(name="nvidia", ...)

    def open_target(chip: str | None, simulated: bool) -> GpuTarget:
        return GpuTarget(NVIDIA, chip, simulated)

and its line in ``toolchain.tables.TARGETS`` makes it known. Everything that is a function here is
called late, so that listing targets imports no MLIR, LLVM or simulator.

The pipeline (``pipelines/optimize.yaml`` of the folder) includes ``gpu-payload.yaml`` (to linalg on
memrefs in a host function), names the kernel stages (which use ``kernels.launched``), includes
``gpu-rest.yaml`` (what they left), and ends with a ``pass: gpu.module(...)`` after which only
operations in ``dialects`` are inside the ``gpu.module``, with ``index-bitwidth=64`` in every pass
that takes it and bare pointers. The host function stays as it is: ``reading.py`` reads it as data.
Passes that need to know the chip take it from the parameters ``chip`` and ``subgroup_size``, which
the selector ``gpu-chip`` fills in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pharos.core.errors import InternalError
from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.programs.rules import ProgramRules


@dataclass(frozen=True)
class Generated:
    """What a code generator made: ``code`` in the vendor's form, ``text`` of it for people (PTX,
    assembly; "" for none), ``report`` with plain data (registers, spills, shared memory)."""

    code: bytes
    text: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)


def _nothing(module: Any, facts: GpuFacts) -> None:
    """No edits."""


def _no_description(data: Mapping[str, Any], address: int) -> bytes:
    raise InternalError(f"this kind of GPU has no described operands, found {data}")


@dataclass(frozen=True)
class GpuKind:
    """A kind of GPU.

    ``chips`` are the facts by chip, ``format`` what artifacts are in ("ptx", "hsaco", "spirv").
    ``stages()`` gives the stages of its own, by name. ``dialects`` are the beginnings of the names
    of operations that have a translation to LLVM IR ("llvm.", "nvvm.").
    ``finish(module, facts)`` edits the kernels' module (LLVM dialect) right before translation.
    ``known_external(name)`` tells which functions without a body the code generator knows itself
    (builtins of SPIR-V); all others but LLVM's intrinsics are refused. ``simulated_external`` are
    the names of functions that simulated devices know besides.
    ``generate(text, facts)`` makes code of LLVM IR text (as LLVM 22 reads it, with debug locations:
    ``downgrade.without_places`` drops them). It runs in a child process, which it may end.
    ``assembly(text, facts)`` is the code as text for people, for kinds whose ``generate`` does not
    make it on the way; it runs in a child process too, when someone asks.
    ``meanings(facts)`` is the table of instruction meanings for ``pharos.simt``.
    ``open_driver(facts)`` opens a real device (``host.driver.Driver``); UserError says why there
    is none.
    ``describe(data, address)`` are the bytes of what ``kernels.launched`` calls a described
    operand, on a simulated device; ``data`` is what the stage said of the array at ``address``.
    ``programs`` says how pass lists in programs are read; None where programs are not taken.
    ``tools()`` are checks for ``pharos doctor``: each tells what it found, or raises UserError.
    """

    name: str
    description: str
    chips: Mapping[str, GpuFacts]
    default_chip: str
    format: str
    pipelines: Path
    dialects: tuple[str, ...]
    stages: Callable[[], Mapping[str, Callable[..., Any]]]
    generate: Callable[[str, GpuFacts], Generated]
    meanings: Callable[[GpuFacts], Any]
    open_driver: Callable[[GpuFacts], Any]
    finish: Callable[[Any, GpuFacts], None] = _nothing
    known_external: Callable[[str], bool] = lambda name: False
    simulated_external: Collection[str] = ()
    describe: Callable[[Mapping[str, Any], int], bytes] = _no_description
    assembly: Callable[[str, GpuFacts], str] | None = None
    programs: ProgramRules | None = None
    tools: Callable[[], Mapping[str, Callable[[], str]]] = dict
    default_pipeline: str = "optimize"
