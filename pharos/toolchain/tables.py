"""The targets, and what descriptors may name: one table each."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from pharos.core.errors import UserError, nearest

TARGETS = {"cpu": "pharos.targets.cpu.target"}
SELECTORS = {
    "vector-unit": ("pharos.params.vector_unit", "vector_unit"),
    "contraction-blocks": ("pharos.params.contractions", "contraction_blocks"),
}
STAGES = {
    "narrow-storage": ("pharos.transform.narrow_storage", "NarrowStorage"),
    "carried-parameters": ("pharos.transform.carried_parameters", "CarriedParameters"),
}


def target(name: str) -> Any:
    """The module of the target ``name``. Raises UserError that lists the targets."""
    if name not in TARGETS:
        raise UserError(
            f"expected a target among {', '.join(TARGETS)}, found '{name}'",
            hint=nearest(name, TARGETS),
        )
    return _opened(name)


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
def _opened(name: str) -> Any:
    module = importlib.import_module(TARGETS[name])
    module.provide(_value_function)
    return module


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
        descriptors=[chosen.pipelines],
    )
