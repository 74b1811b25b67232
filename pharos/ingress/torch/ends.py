"""The two ends of a graph: what goes in and what comes out, in the order of the function."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from pharos.core.errors import UserError
from pharos.ingress.torch.dtypes import name_of
from pharos.ingress.torch.places import place_of_node
from pharos.ingress.torch.records import INPUT, Argument, Result
from pharos.ingress.torch.sizes import Size, Symbols, expression, shape_of, sizes_of


@dataclass
class Flat:
    """``graph`` takes ``arguments`` (tensors and sizes) and returns ``results`` (tensors).

    ``fixed`` holds the flat inputs that are part of the code, ``values`` the flat outputs that
    are no tensors (constants, and sizes as expressions), by position.
    """

    graph: Any
    arguments: list[Argument] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    fixed: dict[int, Any] = field(default_factory=dict)
    values: dict[int, Any] = field(default_factory=dict)
    symbols: Symbols = field(default_factory=Symbols)

    def take(self, argument: Argument, node: Any) -> None:
        """Add ``argument``, which the placeholder ``node`` stands for."""
        self.arguments.append(argument)
        if argument.kind != INPUT:
            return
        value = node.meta["val"]
        if isinstance(value, torch.SymInt):
            self.symbols.note_value(argument.position, expression(value))
        else:
            self.symbols.note(argument.position, sizes_of(value))

    def give(self, result: Result, node: Any) -> None:
        """Add ``result``, which is ``node``. UserError when its size depends on tensors' values."""
        if not self.symbols.knows(result.sizes):
            raise UserError(
                f"result '{result.name}' has a size that depends on the values of tensors, "
                f"{list(result.sizes)}",
                span=place_of_node(node),
                hint="compute with masks, for instance torch.where(mask, x, 0)",
            )
        self.results.append(result)


def argument_of(kind: str, node: Any, name: str, what: str, **rest: Any) -> Argument:
    """The argument for the placeholder ``node``; errors call it ``what``."""
    value = node.meta["val"]
    if isinstance(value, torch.SymInt):
        return Argument(kind, name, (), "i64", None, **rest)
    shape = shape_of(sizes_of(value))
    return Argument(kind, name, shape, name_of(value.dtype, what), value.dtype, **rest)


def result_of(role: str, node: Any, name: str, position: int = -1, **rest: Any) -> Result:
    """The result that the graph's ``node`` is."""
    value = node.meta["val"]
    dtype = name_of(value.dtype, f"result '{name}'")
    sizes = sizes_of(value)
    return Result(
        role, name, shape_of(sizes), dtype, value.dtype, position, sizes, _strides(value), **rest
    )


def _strides(value: torch.Tensor) -> tuple[Size, ...] | None:
    """The strides of ``value`` where they are not row-major."""
    strides = tuple(map(expression, value.stride()))
    step: Any = 1
    dense: list[Size] = []
    for size in reversed(sizes_of(value)):
        dense.insert(0, step)
        step = step * size
    moving = [n for n, size in enumerate(sizes_of(value)) if size != 1]
    return None if all(strides[n] == dense[n] for n in moving) else strides
