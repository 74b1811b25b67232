"""How a model's arguments and results are nested, and how they become flat."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import sympy
import torch
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from pharos.core.errors import UserError
from pharos.ingress.torch.ends import Flat
from pharos.ingress.torch.records import Tree
from pharos.ingress.torch.sizes import evaluate


def tree_of(program: ExportedProgram, flat: Flat) -> Tree:
    """The nesting that ``program`` was exported with; ``flat`` is its graph."""
    taken, returned = program.call_spec.in_spec, program.call_spec.out_spec
    plain = _plain_count(taken) if not flat.fixed else None
    return Tree(
        functools.partial(_flatten_call, taken, flat.fixed, plain),
        _plain_outputs(returned, flat.values)
        or functools.partial(_unflatten_outputs, returned, flat.values),
        flat.symbols.values,
    )


def _plain_count(spec: Any) -> int | None:
    """How many arguments a call takes that gives nothing but leaves, by position."""
    count = spec.num_leaves
    return count if spec == pytree.tree_structure(((_Leaf(),) * count, {})) else None


def _plain_outputs(spec: Any, values: Mapping[int, Any]) -> Any:
    """What makes results of outputs that are one tensor, or a tuple or list of them; or None."""
    if values:
        return None
    if spec.is_leaf():
        return lambda outputs, symbols: outputs[0]
    for kind in (tuple, list):
        if spec == pytree.tree_structure(kind([_Leaf()] * spec.num_leaves)):
            return lambda outputs, symbols: kind(outputs)
    return None


def _flatten_call(
    spec: Any,
    fixed: Mapping[int, Any],
    plain: int | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> list[Any]:
    """The flat inputs of a call; UserError unless it is nested like the one that was imported.

    ``plain``: see ``_plain_count``; most calls are like that, and a tree takes long to walk.
    """
    if len(args) == plain and not kwargs and all(type(value) in _TENSORS for value in args):
        return list(args)
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


_TENSORS = (torch.Tensor, torch.nn.Parameter)


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
