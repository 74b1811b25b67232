"""All problems of the suite by key, and loading one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from torch import nn

from pharos.core.errors import UserError, nearest
from pharos.kernelbench.suite.definition import Definition
from pharos.kernelbench.suite.sizes import size_table
from pharos.kernelbench.suite.vocabulary import as_module

LEVELS = (1, 2, 3)


@dataclass(frozen=True)
class Spec:
    """A problem by its place in KernelBench: level, number and name; ``key`` is "level1/1"."""

    level: int
    number: int
    name: str
    key: str


@dataclass(frozen=True)
class Problem:
    """A problem with its sizes, in the form of a KernelBench file.

    ``model_class(*get_init_inputs())`` and ``get_inputs()`` draw from torch's generator: a seed set
    before them decides all numbers. ``get_check_inputs`` draws inputs of the same shapes that
    show more mistakes; ``remark`` says which mistakes the public inputs hide, and ``constant`` is
    true where a new model's outputs are the same whatever the inputs.
    """

    spec: Spec
    sizes: Mapping[str, Any]
    model_class: type[nn.Module]
    get_inputs: Callable[[], list[Any]]
    get_init_inputs: Callable[[], list[Any]]
    get_check_inputs: Callable[[], list[Any]]
    remark: str
    constant: bool

    @property
    def name(self) -> str:
        """The name that the public problem's file has: "1_Square_matrix_multiplication_"."""
        return f"{self.spec.number}_{self.spec.name}"

    def make(self) -> nn.Module:
        """A model, made as the problem says."""
        return self.model_class(*self.get_init_inputs())


@cache
def definitions(level: int) -> dict[int, Definition]:
    """Number -> definition."""
    found: dict[int, Definition] = import_module(
        f"pharos.kernelbench.suite.level{level}"
    ).DEFINITIONS
    return found


@cache
def problems() -> tuple[Spec, ...]:
    """All problems, by level and number."""
    return tuple(
        Spec(level, number, made.name, f"level{level}/{number}")
        for level in LEVELS
        for number, made in definitions(level).items()
    )


def load(key: str, *, tiny: bool = False, sizes: Mapping[str, Any] | None = None) -> Problem:
    """The problem ``key``; ``tiny`` takes the sizes of tests, ``sizes`` changes single ones.

    Raises ``UserError`` for an unknown key or size.
    """
    spec = find(key)
    made = definitions(spec.level)[spec.number]
    usual, small = size_table(spec.level)[spec.number]
    values = {**usual, **(small if tiny else {}), **(sizes or {})}
    unknown = sorted(set(values) - made.sizes_needed())
    if unknown:
        raise UserError(
            f"{key} has no size '{unknown[0]}'",
            hint=f"its sizes are {', '.join(sorted(made.sizes_needed()))}",
        )
    return Problem(
        spec,
        values,
        model_class(made),
        lambda: [one.draw(one.dimensions(values)) for one in made.inputs],
        lambda: [values[name] for name in made.names],
        lambda: [one.check(one.dimensions(values)) for one in made.inputs],
        made.remark,
        made.constant,
    )


def find(key: str) -> Spec:
    """The problem that ``key`` names."""
    known = {spec.key: spec for spec in problems()}
    if key in known:
        return known[key]
    hint = nearest(key, known) or "keys look like level1/1"
    if re.fullmatch(r"level3/\d+", key):
        hint = "the suite has a part of level 3; --kernelbench DIR takes the public problems"
    raise UserError(f"there is no problem '{key}' in the suite", hint=hint)


def model_class(made: Definition) -> type[nn.Module]:
    """The class whose instances are built from the sizes that ``made`` names."""

    class Model(nn.Module):
        def __init__(self, *sizes: Any) -> None:
            super().__init__()
            self.body = as_module(made.build(*sizes))

        def forward(self, *inputs: Any) -> Any:
            return self.body(*inputs)

    Model.__doc__ = made.name
    return Model
