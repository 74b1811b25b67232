"""A torch model becomes one MLIR function in linalg on tensors, with its weights as arguments."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from pharos import ir
from pharos.core.errors import UserError
from pharos.ingress.torch.dtypes import name_of
from pharos.ingress.torch.export import export
from pharos.ingress.torch.lowering import lower
from pharos.ingress.torch.program import Flat, flatten, names
from pharos.ingress.torch.records import CONSTANT, Argument, Imported, Tree
from pharos.ir.bindings import torch_decompositions

ENTRY = "main"


def import_model(
    model: torch.nn.Module | ExportedProgram,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
) -> Imported:
    """``model``, called with ``args`` and ``kwargs``, as a function of tensors.

    The model is imported in the mode it is in, training or evaluation, and left as it was. Shapes,
    and arguments that are no tensors, are those of the call; the values of tensors are not used.
    An exported program takes no ``args``. Raises UserError for what cannot be imported.
    """
    if isinstance(model, ExportedProgram):
        program, title = model, name or "program"
    else:
        program, title = export(model, tuple(args), dict(kwargs or {})), type(model).__name__
    program = program.run_decompositions(torch_decompositions())
    flat = flatten(program)
    lowered = lower(flat.graph, list(names(flat)), ENTRY)
    constants = [_constant(n, tensor) for n, tensor in enumerate(lowered.constants)]
    return Imported(
        name or title,
        ir.to_text(lowered.module),
        lambda: ir.clone(lowered.module),
        (*flat.arguments, *constants),
        tuple(flat.results),
        _tree(program, flat),
        ENTRY,
    )


def _constant(number: int, tensor: torch.Tensor) -> Argument:
    what = f"constant {number}"
    dtype = name_of(tensor.dtype, what)
    return Argument(
        CONSTANT,
        f"constant_{number}",
        tuple(tensor.shape),
        dtype,
        tensor.dtype,
        read=lambda: tensor,
    )


def _tree(program: ExportedProgram, flat: Flat) -> Tree:
    spec = program.call_spec
    return Tree(
        functools.partial(_flatten_call, spec.in_spec, flat.fixed),
        functools.partial(_unflatten_outputs, spec.out_spec, flat.values),
    )


def _flatten_call(
    spec: Any, fixed: Mapping[int, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Any]:
    """The flat inputs of a call; UserError unless it is built like the one that was imported."""
    leaves, found = pytree.tree_flatten((args, kwargs))
    if found != spec:
        raise UserError(
            f"expected arguments that are built like those of the import, {spec}, found {found}"
        )
    for position, value in fixed.items():
        given = leaves[position]
        if type(given) is not type(value) or given != value:
            raise UserError(
                f"input {position}: the code was made for {value!r}, found {given!r}",
                hint="import the model again with the other value",
            )
    return list(leaves)


def _unflatten_outputs(spec: Any, values: Mapping[int, Any], outputs: list[Any]) -> Any:
    tensors = iter(outputs)
    total = len(outputs) + len(values)
    leaves = [values[n] if n in values else next(tensors) for n in range(total)]
    return pytree.tree_unflatten(leaves, spec)
