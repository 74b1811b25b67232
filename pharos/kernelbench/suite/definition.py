"""What a problem is made of: a name, a model built from sizes, and inputs whose shapes name sizes.

A shape is a text of size names and numbers: ``"B 3 *S"`` with ``{B: 2, S: [8, 9]}`` is the shape
``(2, 3, 8, 9)``. Where a shape is more than that, a function of sizes says it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

Shape: TypeAlias = str | Callable[..., tuple[int, ...]]
Draw: TypeAlias = Callable[[tuple[int, ...]], Any]


@dataclass(frozen=True)
class Input:
    """One input of ``forward``.

    ``draw`` makes it as the public problem does; ``check`` makes one of the same shape and type
    that shows more mistakes: the public inputs, uniform in [0, 1), are never negative.
    """

    shape: Shape
    draw: Draw = torch.rand
    check: Draw = torch.randn

    @property
    def names(self) -> tuple[str, ...]:
        """The sizes that the shape names."""
        if not isinstance(self.shape, str):
            return tuple(inspect.signature(self.shape).parameters)
        words = (word.removeprefix("*") for word in self.shape.split())
        return tuple(word for word in words if not word.isdigit())

    def dimensions(self, sizes: Mapping[str, Any]) -> tuple[int, ...]:
        """The shape with ``sizes`` filled in."""
        if not isinstance(self.shape, str):
            return self.shape(**{name: sizes[name] for name in self.names})
        found: list[int] = []
        for word in self.shape.split():
            if word.startswith("*"):
                found.extend(sizes[word[1:]])
            else:
                found.append(int(word) if word.isdigit() else sizes[word])
        return tuple(found)


@dataclass(frozen=True)
class Definition:
    """One problem. ``build`` takes the sizes ``names``, in that order, and returns its model.

    ``remark`` says what a check of the outputs would miss; ``constant`` is true where the outputs
    are the same numbers whatever the inputs are.
    """

    name: str
    build: Callable[..., Any]
    names: tuple[str, ...]
    inputs: tuple[Input, ...]
    remark: str = ""
    constant: bool = False

    def sizes_needed(self) -> set[str]:
        """The sizes that the model or an input uses: the sizes file must give just these."""
        return set(self.names).union(*(one.names for one in self.inputs))


def define(
    name: str,
    build: Callable[..., Any],
    *inputs: Input | Shape,
    names: str | None = None,
    remark: str = "",
    constant: bool = False,
) -> Definition:
    """A definition; a bare shape is a uniform input, ``names`` are those of build's parameters."""
    parameters = names.split() if names is not None else list(inspect.signature(build).parameters)
    whole = tuple(one if isinstance(one, Input) else Input(one) for one in inputs)
    return Definition(name, build, tuple(parameters), whole, remark, constant)


def function(
    name: str, operator: Callable[..., Tensor], *inputs: Input | Shape, remark: str = ""
) -> Definition:
    """A definition whose model has no parameters: just ``operator`` on the inputs."""
    return define(name, lambda: operator, *inputs, remark=remark)


def merged(*tables: Mapping[int, Definition]) -> dict[int, Definition]:
    """One table of all ``tables``, sorted by number."""
    whole = {number: made for table in tables for number, made in table.items()}
    if len(whole) != sum(map(len, tables)):
        raise ValueError("two definitions have one number")
    return dict(sorted(whole.items()))
