"""The targets, and what descriptors may name: one table each."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any

from pharos.core.errors import UserError, nearest

# A target is a module, or one that makes targets: ``open_target(chip, simulated)``.
TARGETS = {
    "cpu": "pharos.targets.cpu.target",
    "nvidia": "pharos.targets.nvidia.target",
    "amd": "pharos.targets.amd.target",
    "xegpu": "pharos.targets.xegpu.target",
}
_SIMULATED = "sim"
HOST = "cpu"
PREFIX = "cpu+"
SELECTORS = {
    "gpu-chip": ("pharos.params.gpu_chip", "gpu_chip"),
    "gpu-loops": ("pharos.params.gpu_loops", "gpu_loops"),
    "amd-attention": ("pharos.params.gpu_attention", "amd_attention"),
    "nvidia-attention": ("pharos.params.gpu_attention", "nvidia_attention"),
    "amd-contractions": ("pharos.params.amd_contractions", "amd_contractions"),
    "nvidia-contractions": ("pharos.params.nvidia_contractions", "nvidia_contractions"),
    "xegpu-attention": ("pharos.params.xegpu_attention", "xegpu_attention"),
    "xegpu-contractions": ("pharos.params.xegpu_contractions", "xegpu_contractions"),
    "cpu-attention": ("pharos.params.cpu_attention", "cpu_attention"),
    "vector-unit": ("pharos.params.vector_unit", "vector_unit"),
    "contraction-blocks": ("pharos.params.contractions", "contraction_blocks"),
}
STAGES = {
    "moved-units": ("pharos.transform.moved_units", "MovedUnits"),
    "reshaped-results": ("pharos.transform.reshaped_results", "ReshapedResults"),
    "narrow-storage": ("pharos.transform.narrow_storage", "NarrowStorage"),
    "carried-parameters": ("pharos.transform.carried_parameters", "CarriedParameters"),
    "assertions-apart": ("pharos.transform.assertions_apart", "AssertionsApart"),
    "gathers-apart": ("pharos.transform.gathers_apart", "GathersApart"),
    "empty-slices": ("pharos.transform.empty_slices", "EmptySlices"),
    "narrow-compares": ("pharos.transform.narrow_compares", "NarrowCompares"),
    "counted-tensors": ("pharos.transform.counted_tensors", "CountedTensors"),
    "recompute": ("pharos.transform.recompute", "Recompute"),
    "joint-sums": ("pharos.transform.joint_sums", "JointSums"),
    "fuse-attention": ("pharos.transform.attention.stage", "FuseAttention"),
    "attention-in-place": ("pharos.transform.attention.stage", "AttentionInPlace"),
    "output-phases": ("pharos.transform.phases.stage", "OutputPhases"),
}


def target(name: str) -> Any:
    """The target that ``name`` spells: a name of ``TARGETS``, for some with a chip and ":sim".

    "nvidia", "nvidia:sm_80", "nvidia:sim", "nvidia:sm_80:sim"; "cpu+nvidia:sim" is for programs,
    see ``for_program``. Raises UserError that lists the targets, or the chips of one.
    """
    if name.startswith(PREFIX):
        return _hosted(name.removeprefix(PREFIX))
    kind, *rest = name.split(":")
    if kind not in TARGETS:
        raise UserError(
            f"expected a target among {', '.join(TARGETS)}, found '{name}'",
            hint=nearest(kind, TARGETS),
        )
    return _opened(kind, *_chip(name, rest))


def _chip(name: str, words: Sequence[str]) -> tuple[str | None, bool]:
    """The chip and whether it is simulated, of the words behind a target's name."""
    simulated = bool(words) and words[-1] == _SIMULATED
    chips = words[:-1] if simulated else words
    if len(chips) > 1 or "" in chips:
        raise UserError(
            f"expected a target, NAME:CHIP, NAME:{_SIMULATED} or NAME:CHIP:{_SIMULATED}, "
            f"found '{name}'"
        )
    return (chips[0] if chips else None), simulated


def for_program(name: str) -> str:
    """The target that runs whole programs on the target ``name``: their host part is the CPU's."""
    return name if name.startswith(PREFIX) or name == HOST else f"{PREFIX}{name}"


def backend_names() -> dict[str, str]:
    """What compilation blocks of programs call the targets, by target, for those they know."""
    found = {name: getattr(target(for_program(name)), "backend", "") for name in _for_programs()}
    return {name: backend for name, backend in found.items() if backend}


def _for_programs() -> list[str]:
    return [HOST, *(name for name in TARGETS if getattr(target(name), "takes_programs", False))]


@functools.cache
def _hosted(name: str) -> Any:
    from pharos.toolchain.hosted import HostedTarget

    return HostedTarget(target(HOST), target(name))


def simulated(name: str) -> str | None:
    """How to spell the simulated twin of the target ``name``; None for one that has none."""
    return f"{name}:{_SIMULATED}" if hasattr(_module(name), "open_target") else None


def detected() -> str:
    """The first target whose device can be opened on this machine.

    Raises the UserError of the first one when there is none.
    """
    refusals = {name: _refusal(name) for name in TARGETS}
    for name, refusal in refusals.items():
        if refusal is None:
            return name
    raise next(error for error in refusals.values() if error is not None)


def _refusal(name: str) -> UserError | None:
    """Why the device of the target ``name`` cannot be opened; None when it can."""
    try:
        target(name).open_device()
    except UserError as error:
        return error
    return None


@functools.cache
def _opened(kind: str, chip: str | None, simulated: bool) -> Any:
    module = _module(kind)
    if hasattr(module, "open_target"):
        module = module.open_target(chip, simulated)
    elif chip is not None or simulated:
        raise UserError(
            f"the target {kind} has no chips to choose from and is not simulated",
            hint=f"say {kind}",
        )
    module.provide(_value_function)
    return module


def _module(kind: str) -> Any:
    return importlib.import_module(TARGETS[kind])


def _value_function(name: str) -> int | None:
    """Where the function of Lispier's ``(extern :value-ffi)`` with that name is."""
    if not name.startswith("value_"):
        return None
    from pharos.lisp import value_pointers

    return value_pointers.address(name)


@functools.cache
def registry(target_name: str) -> Any:
    """What descriptors may name when they compile for ``target_name``."""
    from pharos.pipeline import Lazy, make_registry

    chosen = target(target_name)
    shared = [(name, Lazy(*place)) for name, place in STAGES.items()]
    return make_registry(
        stages=[*shared, *chosen.stages().items()],
        selectors=[(name, Lazy(*place)) for name, place in SELECTORS.items()],
        descriptors=[chosen.pipelines, *chosen.shared_pipelines],
    )
