"""How a model's arguments and results are nested, and how they become flat."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import sympy
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from pharos.core.errors import UserError
from pharos.ingress.torch.ends import Flat
from pharos.ingress.torch.records import Tree
from pharos.ingress.torch.sizes import evaluate


def tree_of(program: ExportedProgram, flat: Flat) -> Tree:
    """The nesting that ``program`` was exported with; ``flat`` is its graph."""
    spec = program.call_spec
    return Tree(
        functools.partial(_flatten_call, spec.in_spec, flat.fixed),
        functools.partial(_unflatten_outputs, spec.out_spec, flat.values),
        flat.symbols.values,
    )


def _flatten_call(
    spec: Any, fixed: Mapping[int, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Any]:
    """The flat inputs of a call; UserError unless it is nested like the one that was imported."""
    leaves, found = pytree.tree_flatten((args, kwargs))
    if found != spec:
        raise UserError(
            f"expected arguments that are nested like those of the import, {_shown(spec)}, "
            f"found {_shown(found)}"
        )
    for position, value in fixed.items():
        given = leaves[position]
        if type(given) is not type(value) or given != value:
            raise UserError(
                f"input {position}: the code was made for {value!r}, found {given!r}",
                hint="import the model again with the other value",
            )
    return list(leaves)


def _shown(spec: Any) -> str:
    """A nesting as Python shows it, with * for each leaf."""
    return repr(pytree.tree_unflatten([_Leaf()] * spec.num_leaves, spec))


class _Leaf:
    def __repr__(self) -> str:
        return "*"


def _unflatten_outputs(
    spec: Any, values: Mapping[int, Any], outputs: list[Any], symbols: Mapping[str, int]
) -> Any:
    tensors = iter(outputs)
    total = len(outputs) + len(values)
    leaves = [_value(values[n], symbols) if n in values else next(tensors) for n in range(total)]
    return pytree.tree_unflatten(leaves, spec)


def _value(value: Any, symbols: Mapping[str, int]) -> Any:
    return evaluate(value, symbols) if isinstance(value, sympy.Expr) else value
