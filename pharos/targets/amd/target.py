"""AMD GPUs as targets: ``amd``, ``amd:gfx942``, ``amd:sim``, ``amd:gfx942:sim``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pharos.targets.amd import facts
from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.kind import Generated, GpuKind
from pharos.targets.common.gpu.programs.rules import ProgramRules
from pharos.targets.common.gpu.target import GpuTarget


def _stages() -> Mapping[str, Callable[..., Any]]:
    from pharos.targets.amd.attention import AmdAttention
    from pharos.targets.amd.contractions import AmdContractions

    return {kind.name: kind for kind in (AmdAttention, AmdContractions)}


def _generate(text: str, chip: Any) -> Generated:
    from pharos.targets.amd.hsaco import generate

    return generate(text, chip)


def _assembly(text: str, chip: Any) -> str:
    from pharos.targets.amd.hsaco import assembly

    return assembly(text, chip)


def _meanings(chip: GpuFacts) -> Any:
    from pharos.targets.amd.meanings import TABLE

    return TABLE


def _finish(module: Any, chip: GpuFacts) -> None:
    from pharos.targets.amd.block_limits import allow_any_block

    allow_any_block(module, chip.max_block)


def _open_driver(chip: GpuFacts) -> Any:
    from pharos.targets.amd.driver import HipDriver

    return HipDriver(chip.chip)


AMD = GpuKind(
    name="amd",
    description="AMD GPUs",
    chips=facts.CHIPS,
    default_chip=facts.DEFAULT,
    format="hsaco",
    pipelines=Path(__file__).with_name("pipelines"),
    dialects=("llvm.", "rocdl."),
    stages=_stages,
    generate=_generate,
    assembly=_assembly,
    simulated_external=(
        "__ockl_printf_begin",
        "__ockl_printf_append_string_n",
        "__ockl_printf_append_args",
    ),
    programs=ProgramRules(
        backend="rocm",
        conversion="convert-gpu-to-rocdl",
        chip={"rocdl-attach-target": "chip"},
        defaults={
            "convert-gpu-to-rocdl": {"chipset": "$chip", "runtime": "HIP"},
            "convert-amdgpu-to-rocdl": {"chipset": "$chip"},
        },
    ),
    meanings=_meanings,
    open_driver=_open_driver,
    finish=_finish,
)


def open_target(chip: str | None, simulated: bool) -> GpuTarget:
    """The chip called ``chip`` (default: gfx1100), real or simulated."""
    return GpuTarget(AMD, chip, simulated)
