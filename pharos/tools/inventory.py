"""The targets and their pipelines as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pharos import toolchain
from pharos.core.errors import UserError
from pharos.pipeline import UNSET, Descriptor, Parameter, format_value, load_descriptor


def targets() -> list[dict[str, Any]]:
    """Every target: name, description, available (or the reason why not), the
    device found ("" for none to tell apart), its chips (none where
    there is nothing to choose), how its simulated twin is spelled (None for none), facts, a summary
    of them for people, and pipelines with their parameters."""
    return [_target(name) for name in toolchain.TARGETS]


def _target(name: str) -> dict[str, Any]:
    target = toolchain.target(name)
    device, reason = _device(target)
    return {
        "name": name,
        "description": target.description,
        "available": reason is None,
        "reason": reason,
        "device": device,
        "chips": list(target.chips),
        "simulated": toolchain.simulated(name),
        "facts": _plain(asdict(target.facts())),
        "summary": _plain(target.summary()),
        "pipelines": _pipelines(name, target),
    }


def _device(target: Any) -> tuple[str | None, str | None]:
    """What its device is ("" where that is said by the facts), or why it cannot be opened."""
    try:
        device = target.open_device()
    except UserError as error:
        return None, error.message
    return (device.driver.summary() if hasattr(device, "driver") else ""), None


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with sets as sorted lists, for JSON."""
    return {
        key: sorted(value) if isinstance(value, set | frozenset) else value
        for key, value in data.items()
    }


def _pipelines(name: str, target: Any) -> list[dict[str, Any]]:
    registry = toolchain.registry(name)
    files = sorted(path for path in target.pipelines.iterdir() if path.suffix == ".yaml")
    found = [load_descriptor(path, registry) for path in files]
    return [_pipeline(descriptor, target.default_pipeline) for descriptor in found]


def _pipeline(descriptor: Descriptor, default: str) -> dict[str, Any]:
    return {
        "name": descriptor.name,
        "default": descriptor.name == default,
        "description": " ".join(descriptor.description.split()),
        "parameters": [_parameter(parameter) for parameter in descriptor.parameters],
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    default = None if parameter.default is UNSET else parameter.default
    return {
        "name": parameter.name,
        "type": parameter.type,
        "default": default,
        "min": parameter.minimum,
        "max": parameter.maximum,
        "choices": list(parameter.choices) or None,
        "accepts": _accepts(parameter),
        "description": parameter.description,
    }


def _accepts(parameter: Parameter) -> str:
    """The type, bounds and default in a few words: "int, 1 to 1024, default 8"."""
    words = [parameter.type]
    if parameter.choices:
        words = [" | ".join(map(format_value, parameter.choices))]
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None:
        words.append(f"{low} to {high}")
    elif low is not None or high is not None:
        words.append(f"at least {low}" if low is not None else f"at most {high}")
    if parameter.default is not UNSET:
        words.append(f"default {format_value(parameter.default)}")
    return ", ".join(words)
