"""Intel GPUs as targets: ``xegpu``, ``xegpu:pvc``, ``xegpu:sim``, ``xegpu:pvc:sim``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.kind import Generated, GpuKind
from pharos.targets.common.gpu.target import GpuTarget
from pharos.targets.xegpu import facts


def _stages() -> Mapping[str, Callable[..., Any]]:
    from pharos.targets.xegpu.attention.multiply_adds import XeGpuAttentionMultiplyAdds
    from pharos.targets.xegpu.attention.stage import XeGpuAttention
    from pharos.targets.xegpu.contractions.factors import XeGpuFactors
    from pharos.targets.xegpu.contractions.multiply_adds import XeGpuMultiplyAdds
    from pharos.targets.xegpu.contractions.stage import XeGpuProducts
    from pharos.targets.xegpu.kernel_form import KernelForm
    from pharos.targets.xegpu.static_shared import StaticShared
    from pharos.targets.xegpu.tiles_to_lanes import TilesToLanes

    kinds = (
        XeGpuAttention,
        XeGpuAttentionMultiplyAdds,
        XeGpuFactors,
        XeGpuProducts,
        XeGpuMultiplyAdds,
        StaticShared,
        KernelForm,
        TilesToLanes,
    )
    return {kind.name: kind for kind in kinds}


def _finish(module: Any, chip: GpuFacts) -> None:
    from pharos.targets.xegpu.spirv.finish import finish

    finish(module)


def _known_external(name: str) -> bool:
    from pharos.targets.xegpu.spirv.builtins import known

    return known(name)


def _generate(text: str, chip: Any) -> Generated:
    from pharos.targets.xegpu.spirv.emit import generate

    return generate(text, chip)


def _meanings(chip: GpuFacts) -> Any:
    from pharos.targets.xegpu.meanings import TABLE

    return TABLE


def _open_driver(chip: GpuFacts) -> Any:
    from pharos.targets.xegpu.driver import LevelZeroDriver

    return LevelZeroDriver(chip.chip)


def _tools() -> Mapping[str, Callable[[], str]]:
    from pharos.targets.xegpu.spirv.tools import CHECKS

    return CHECKS


XEGPU = GpuKind(
    name="xegpu",
    description="Intel GPUs",
    chips=facts.CHIPS,
    default_chip=facts.DEFAULT,
    format="spirv",
    pipelines=Path(__file__).with_name("pipelines"),
    dialects=("llvm.",),
    stages=_stages,
    generate=_generate,
    meanings=_meanings,
    open_driver=_open_driver,
    finish=_finish,
    known_external=_known_external,
    tools=_tools,
)


def open_target(chip: str | None, simulated: bool) -> GpuTarget:
    """The chip called ``chip`` (default: bmg), real or simulated."""
    return GpuTarget(XEGPU, chip, simulated)
