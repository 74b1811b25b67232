"""What descriptors may name besides passes. A value that is passed in; nothing registers itself."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pharos.core.errors import UserError

Entry = Callable[..., Any]
Entries = Iterable[tuple[str, Entry]]


@dataclass(frozen=True)
class Registry:
    """Names to functions, and the folders that hold descriptors.

    ``schedules``: ``f(context, **options)`` returns a transform module in ``context``.
    ``stages``: ``f(**options)`` returns a `Stage`. ``selectors``:
    ``f(payload_facts, target_facts, **options)`` returns parameter names with values, or with
    `Choice` where it can say why; or a `MotifChoice` for each motif of the payload that it has
    parameters for. ``descriptors``: folders searched for descriptors and
    transform files, in this order.
    """

    schedules: Mapping[str, Entry] = field(default_factory=dict)
    stages: Mapping[str, Entry] = field(default_factory=dict)
    selectors: Mapping[str, Entry] = field(default_factory=dict)
    descriptors: Sequence[Path] = ()


def make_registry(
    *,
    schedules: Entries = (),
    stages: Entries = (),
    selectors: Entries = (),
    descriptors: Iterable[str | Path] = (),
) -> Registry:
    """A registry of (name, function) pairs. Raises UserError when a name comes twice."""
    return Registry(
        schedules=_table("schedule", schedules),
        stages=_table("stage", stages),
        selectors=_table("selector", selectors),
        descriptors=tuple(map(Path, descriptors)),
    )


def merge_registries(*registries: Registry) -> Registry:
    """All that is in ``registries``. Raises UserError when two have the same name."""
    return make_registry(
        schedules=[item for r in registries for item in r.schedules.items()],
        stages=[item for r in registries for item in r.stages.items()],
        selectors=[item for r in registries for item in r.selectors.items()],
        descriptors=[folder for r in registries for folder in r.descriptors],
    )


def _table(what: str, entries: Entries) -> dict[str, Entry]:
    table: dict[str, Entry] = {}
    for name, entry in entries:
        if name in table:
            raise UserError(f"two {what}s are registered as '{name}'")
        table[name] = entry
    return table


@dataclass(frozen=True)
class Lazy:
    """The function ``attribute`` of ``module``, imported when it is first called or inspected."""

    module: str
    attribute: str

    def load(self) -> Entry:
        """The function itself."""
        function: Entry = getattr(importlib.import_module(self.module), self.attribute)
        return function

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.load()(*arguments, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.load())


@dataclass(frozen=True)
class Choice:
    """A value that a selector chose, and why, in one sentence for the user."""

    value: Any
    why: str = ""


@dataclass(frozen=True)
class Candidate:
    """Values for all parameters of a motif, and what the selector's model expects of them: cycles,
    to be compared with those of other candidates."""

    values: Mapping[str, int]
    cycles: float


@dataclass(frozen=True)
class MotifChoice:
    """What a selector has to say about the parameters of one motif of the payload.

    ``choose`` gives all of them, with those values that are fixed already; ``problems`` tells
    which constraints values break, each in a sentence; ``work`` describes the motif in the same
    words wherever it occurs. ``ranked`` gives the candidates that are worth measuring, the one
    that the model likes best first; None where there is nothing to choose from.
    """

    key: str
    choose: Callable[[Mapping[str, int]], Mapping[str, Choice]]
    problems: Callable[[Mapping[str, Any]], Sequence[str]]
    work: str = ""
    ranked: Callable[[], Sequence[Candidate]] | None = None
