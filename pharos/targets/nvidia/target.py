"""NVIDIA GPUs as targets: ``nvidia``, ``nvidia:sm_80``, ``nvidia:sim``, ``nvidia:sm_80:sim``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.kind import Generated, GpuKind
from pharos.targets.common.gpu.programs.rules import ProgramRules
from pharos.targets.common.gpu.target import GpuTarget
from pharos.targets.nvidia import facts


def _stages() -> Mapping[str, Callable[..., Any]]:
    from pharos.targets.nvidia.attention import NvidiaAttention
    from pharos.targets.nvidia.contractions import NvidiaContractions

    return {kind.name: kind for kind in (NvidiaAttention, NvidiaContractions)}


def _generate(text: str, chip: Any) -> Generated:
    from pharos.targets.nvidia.ptx import generate

    return generate(text, chip)


def _meanings(chip: GpuFacts) -> Any:
    from pharos.targets.nvidia.meanings.table import TABLE

    return TABLE


def _open_driver(chip: GpuFacts) -> Any:
    from pharos.targets.nvidia.driver_choice import open_driver

    return open_driver(chip.chip)


def _tools() -> Mapping[str, Callable[[], str]]:
    from pharos.targets.nvidia import driver_choice, ptxas

    return {"ptxas": ptxas.summary, "driver by": driver_choice.way}


def _finish(module: Any, chip: GpuFacts) -> None:
    from pharos.targets.nvidia.launch_bounds import ask_for_one_block
    from pharos.targets.nvidia.map_arguments import pass_maps_by_value

    pass_maps_by_value(module)
    ask_for_one_block(module)


def _describe(data: Mapping[str, Any], address: int) -> bytes:
    from pharos.targets.nvidia.tensor_maps import TensorMap

    return TensorMap.from_data(data).encode(address)


NVIDIA = GpuKind(
    name="nvidia",
    description="NVIDIA GPUs",
    chips=facts.CHIPS,
    default_chip=facts.DEFAULT,
    format="ptx",
    pipelines=Path(__file__).with_name("pipelines"),
    dialects=("llvm.", "nvvm."),
    stages=_stages,
    generate=_generate,
    meanings=_meanings,
    open_driver=_open_driver,
    finish=_finish,
    known_external=lambda name: name == "vprintf",
    describe=_describe,
    programs=ProgramRules(
        backend="cuda", conversion="convert-gpu-to-nvvm", chip={"nvvm-attach-target": "chip"}
    ),
    tools=_tools,
)


def open_target(chip: str | None, simulated: bool) -> GpuTarget:
    """The chip called ``chip`` (default: sm_90a), real or simulated."""
    return GpuTarget(NVIDIA, chip, simulated)
