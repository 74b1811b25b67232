"""A torch model becomes one MLIR function in linalg on tensors, with its weights as arguments."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.export import ExportedProgram

from pharos import ir
from pharos.core.errors import UserError
from pharos.ingress.torch.decompositions import decompositions
from pharos.ingress.torch.dtypes import name_of
from pharos.ingress.torch.ends import Flat
from pharos.ingress.torch.export import export, functional, traced
from pharos.ingress.torch.lowering import lower
from pharos.ingress.torch.norms import NORMS
from pharos.ingress.torch.program import flatten
from pharos.ingress.torch.records import CONSTANT, Argument, Imported
from pharos.ingress.torch.state import kept_elsewhere
from pharos.ingress.torch.sums import SUMS
from pharos.ingress.torch.tree import tree_of

ENTRY = "main"


def import_model(
    model: torch.nn.Module | ExportedProgram,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    dynamic_shapes: Any = None,
) -> Imported:
    """``model``, called with ``args`` and ``kwargs``, as a function of tensors.

    The model is imported in the mode it is in, training or evaluation, and left as it was. Shapes
    (but for ``dynamic_shapes``, as torch.export takes them), and arguments that are no tensors,
    are those of the call; the values of tensors are not used. An exported program takes no
    ``args``. Raises UserError for what cannot be imported.
    """
    if isinstance(model, ExportedProgram):
        program, flat, title = *_of_program(model), "program"
    elif isinstance(model, torch.nn.Module):
        title = type(model).__name__
        call = (tuple(args), dict(kwargs or {}), dynamic_shapes)
        program, keeper = export(model, *call, decompositions() | NORMS | SUMS)
        flat = flatten(program, keeper, kept_elsewhere(model))
    else:
        raise UserError(
            f"expected a torch.nn.Module or an ExportedProgram, found {type(model).__name__}",
            hint="torch.compile(function, backend='pharos') takes functions",
        )
    return imported_of(flat, name or title, tree_of(program, flat))


def _of_program(program: ExportedProgram) -> tuple[ExportedProgram, Flat]:
    with traced("the program"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = functional(program, decompositions() | NORMS | SUMS, {})
    return program, flatten(program)


def imported_of(flat: Flat, name: str, tree: Any) -> Imported:
    """The import of a graph whose ends are known."""
    lowered = lower(flat.graph, [argument.name for argument in flat.arguments], ENTRY)
    constants = [_constant(n, tensor) for n, tensor in enumerate(lowered.constants)]
    return Imported(
        name,
        ir.to_text(lowered.module),
        lambda: ir.clone(lowered.module),
        (*flat.arguments, *constants),
        tuple(flat.results),
        tree,
        ENTRY,
    )


def _constant(number: int, tensor: torch.Tensor) -> Argument:
    name = f"constant_{number}"
    dtype = name_of(tensor.dtype, f"constant {number}")
    shape = tuple(tensor.shape)
    return Argument(CONSTANT, name, shape, dtype, tensor.dtype, read=lambda: tensor)
