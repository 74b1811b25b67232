"""A functional fx graph becomes a module in linalg on tensors, by torch-mlir."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from pharos import ir
from pharos.core.errors import UserError
from pharos.ingress.torch.constants import lift_constants, literal
from pharos.ingress.torch.empty import without_empty_views
from pharos.ingress.torch.fetches import check_fetches
from pharos.ingress.torch.loops import write_loops
from pharos.ingress.torch.memory import as_numpy
from pharos.ingress.torch.unsupported import raise_all, refuse_random, refuse_unsupported
from pharos.ir.bindings import mlir, register_torch, torch_importer

LARGEST_LITERAL = 64
"""Elements up to which a constant stays in the module; larger ones become arguments."""

_PASSES = (
    # The importer's operators to the smaller set that has lowerings, shapes and types refined.
    "func.func(torch-match-quantized-custom-ops),"
    "torchdynamo-export-to-torch-backend-pipeline{extra-library=}",
    "torch-backend-to-linalg-on-tensors-backend-pipeline",
)


@dataclass(frozen=True)
class Lowered:
    """``module``, whose function's arguments are the graph's placeholders and, after them, the
    tensors ``constants``."""

    module: Any
    constants: tuple[torch.Tensor, ...]


@dataclass
class _Literals:
    """Small tensors of the graph as literals, large ones as further arguments."""

    constants: list[torch.Tensor] = field(default_factory=list)

    def prepare_module(self, module: Any) -> None:
        """Nothing to prepare."""

    def resolve_literal(self, importer: Any, value: Any, info: Any) -> Any:
        """The MLIR value of ``value`` when it is a tensor; None for everything else."""
        if not isinstance(value, torch.Tensor):
            return None
        kind = importer._cc.tensor_to_vtensor_type(value)
        if value.numel() > LARGEST_LITERAL:
            self.constants.append(value.detach())
            return importer._b.add_argument(kind, mlir.Location.unknown(importer._c))
        return literal(kind, as_numpy(value), importer._cc.dtype_to_type(value.dtype))


def lower(graph: Any, names: list[str], entry: str) -> Lowered:
    """``graph`` as function ``entry``; ``names`` are those of its placeholders.

    Raises UserError that names every operator that has no lowering, with its line.
    """
    refuse_random(graph)
    without_empty_views(graph)
    try:
        return _lower(graph, names, entry)
    except Exception as error:
        # Lowering stops at the first operator it cannot do; asking for each one tells of all.
        refuse_unsupported(graph, lambda one: _lower(one, None, entry))
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"torch-mlir cannot import the graph: {type(error).__name__}: {error}"
        ) from error


def _lower(graph: Any, names: list[str] | None, entry: str) -> Lowered:
    module, literals = _imported(graph, entry)
    if names is not None:
        numbered = [f"constant_{number}" for number in range(len(literals))]
        _name_arguments(module.body.operations[0], [*names, *numbered])
    for passes in _PASSES:
        ir.run_passes(module, passes)
    check_fetches(module)
    function = module.body.operations[0]
    count = len(function.entry_block.arguments)
    folded = lift_constants(function, LARGEST_LITERAL)
    numbered = [f"constant_{len(literals) + number}" for number in range(len(folded))]
    _name_arguments(function, numbered, start=count)
    ir.verify(module)
    _refuse_left_over(module)
    return Lowered(module, (*literals, *folded))


def _refuse_left_over(module: Any) -> None:
    """Raise UserError for what torch-mlir left as it was, without an error."""
    errors = []
    for operation in ir.operations(module):
        if operation.name.startswith(("torch.", "torch_c.")):
            message = f"'{operation.name}' has no lowering to linalg"
            errors.append(UserError(message, span=ir.span_of(operation.location)))
    raise_all(errors)


def _imported(graph: Any, entry: str) -> tuple[Any, list[torch.Tensor]]:
    """The graph in the torch dialect, and its large literals."""
    context = ir.new_context()
    register_torch(context)
    literals = _Literals()
    importer = torch_importer().FxImporter(context=context, hooks=literals)
    importer.import_stateless_graph(graph, func_name=entry)
    write_loops(importer.module)
    function = importer.module.body.operations[0]
    with context:
        # Sizes that look different are different, and broadcasts are written in the graph.
        function.attributes["torch.assume_strict_symbolic_shapes"] = mlir.UnitAttr.get()
        inputs = [argument.type for argument in function.entry_block.arguments]
        kind = mlir.FunctionType.get(inputs, function.type.results)
        function.attributes["function_type"] = mlir.TypeAttr.get(kind)
    return importer.module, literals.constants


def _name_arguments(function: Any, names: list[str], start: int = 0) -> None:
    """Give the arguments from ``start`` on places that carry their names."""
    arguments = list(function.operation.regions[0].blocks[0].arguments)[start:]
    with function.context:
        for argument, name in zip(arguments, names, strict=True):
            argument.set_location(mlir.Location.name(name, argument.location))
