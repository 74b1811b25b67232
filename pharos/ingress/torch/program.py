"""An exported program as a functional graph of tensors, and what each end of it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import (
    ConstantArgument,
    InputKind,
    OutputKind,
    SymIntArgument,
    TensorArgument,
)

from pharos.core.errors import UserError
from pharos.ingress.torch.dtypes import name_of
from pharos.ingress.torch.lowering import LARGEST_LITERAL
from pharos.ingress.torch.records import (
    BUFFER,
    CONSTANT,
    INPUT,
    MUTATED_BUFFER,
    MUTATED_INPUT,
    OUTPUT,
    PARAMETER,
    Argument,
    Result,
)

_KINDS = {
    InputKind.PARAMETER: PARAMETER,
    InputKind.BUFFER: BUFFER,
    InputKind.CONSTANT_TENSOR: CONSTANT,
}


@dataclass
class Flat:
    """``graph`` takes ``arguments`` and returns ``results``, all of them tensors.

    ``fixed`` holds the flat inputs, and ``values`` the flat outputs, that are not tensors but
    were the same at every call that this graph is right for, by position.
    """

    graph: Any
    arguments: list[Argument] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    fixed: dict[int, Any] = field(default_factory=dict)
    values: dict[int, Any] = field(default_factory=dict)


def flatten(program: ExportedProgram) -> Flat:
    """The graph of ``program``, changed in place, with only tensors at its ends.

    Arguments are the program's parameters, buffers, larger constants and inputs, in this order;
    results are first the new contents of what the model changes, then its outputs. Raises
    UserError for ends that are neither tensors nor constants.
    """
    flat = Flat(program.graph)
    for node, spec in zip(_placeholders(program), program.graph_signature.input_specs, strict=True):
        _flatten_input(flat, program, node, spec)
    _flatten_outputs(flat, program)
    program.graph.lint()
    return flat


def _placeholders(program: ExportedProgram) -> list[Any]:
    return [node for node in program.graph.nodes if node.op == "placeholder"]


def _flatten_input(flat: Flat, program: ExportedProgram, node: Any, spec: Any) -> None:
    position = len(flat.fixed) + sum(1 for a in flat.arguments if a.kind == INPUT)
    if spec.kind == InputKind.USER_INPUT and isinstance(spec.arg, ConstantArgument):
        flat.fixed[position] = spec.arg.value
        node.replace_all_uses_with(spec.arg.value)
        flat.graph.erase_node(node)
    elif spec.kind == InputKind.USER_INPUT and isinstance(spec.arg, TensorArgument):
        what = f"input {position} ('{node.name}')"
        flat.arguments.append(_argument(INPUT, node, node.name, what, position=position))
    elif spec.kind in _KINDS and isinstance(spec.arg, TensorArgument):
        _flatten_state(flat, program, node, spec)
    else:
        raise UserError(
            f"expected inputs that are tensors or constants, found {spec.kind.name.lower()} "
            f"'{node.name}' ({type(spec.arg).__name__})"
        )


def _flatten_state(flat: Flat, program: ExportedProgram, node: Any, spec: Any) -> None:
    """A parameter, buffer or constant: gone when unused, a literal when small and constant."""
    kind, target = _KINDS[spec.kind], spec.target
    if not node.users:
        flat.graph.erase_node(node)
        return
    held = program.state_dict if target in program.state_dict else program.constants
    tensor = held[target]
    if kind == CONSTANT and tensor.numel() <= LARGEST_LITERAL:
        owner = flat.graph.owning_module
        name = f"_pharos_literal_{node.name}"
        setattr(owner, name, tensor)
        with flat.graph.inserting_before(node):
            literal = flat.graph.create_node("get_attr", name)
        literal.meta = dict(node.meta)
        node.replace_all_uses_with(literal)
        flat.graph.erase_node(node)
        return
    argument = _argument(kind, node, target, f"{kind} '{target}'", read=lambda: tensor)
    flat.arguments.append(argument)


def _argument(kind: str, node: Any, name: str, what: str, **rest: Any) -> Argument:
    value = node.meta["val"]
    return Argument(kind, name, _shape(value), name_of(value.dtype, what), value.dtype, **rest)


def _shape(value: torch.Tensor) -> tuple[int, ...]:
    return tuple(-1 if isinstance(size, torch.SymInt) else int(size) for size in value.shape)


def _flatten_outputs(flat: Flat, program: ExportedProgram) -> None:
    end = next(node for node in program.graph.nodes if node.op == "output")
    inputs = {a.name: a.position for a in flat.arguments if a.kind == INPUT}
    kept = []
    position = 0
    for node, spec in zip(end.args[0], program.graph_signature.output_specs, strict=True):
        if spec.kind == OutputKind.USER_OUTPUT:
            if isinstance(spec.arg, TensorArgument):
                kept.append(node)
                flat.results.append(_result(OUTPUT, node, f"output_{position}", position))
            elif isinstance(spec.arg, ConstantArgument):
                flat.values[position] = spec.arg.value
            else:
                raise _not_a_tensor(spec)
            position += 1
        elif spec.kind == OutputKind.BUFFER_MUTATION:
            kept.append(node)
            flat.results.append(_stored(program, node, spec.target))
        elif spec.kind == OutputKind.USER_INPUT_MUTATION:
            kept.append(node)
            flat.results.append(_result(MUTATED_INPUT, node, spec.target, inputs[spec.target]))
        else:
            raise _not_a_tensor(spec)
    end.args = (tuple(kept),)


def _stored(program: ExportedProgram, node: Any, target: str) -> Result:
    held = program.state_dict if target in program.state_dict else program.constants
    tensor = held[target]
    return _result(MUTATED_BUFFER, node, target, store=lambda new: tensor.detach().copy_(new))


def _result(role: str, node: Any, name: str, position: int = -1, **rest: Any) -> Result:
    value = node.meta["val"]
    dtype = name_of(value.dtype, f"result '{name}'")
    return Result(role, name, _shape(value), dtype, value.dtype, position, _strides(value), **rest)


def _strides(value: torch.Tensor) -> tuple[int, ...] | None:
    """The strides of ``value`` where they are not row-major; None too where sizes are unknown."""
    if any(isinstance(size, torch.SymInt) for size in (*value.shape, *value.stride())):
        return None
    return None if value.is_contiguous() else tuple(map(int, value.stride()))


def _not_a_tensor(spec: Any) -> UserError:
    kind = "a size" if isinstance(spec.arg, SymIntArgument) else type(spec.arg).__name__
    return UserError(
        f"expected results that are tensors or constants, found {spec.kind.name.lower()} ({kind})"
    )


def names(flat: Flat) -> Iterator[str]:
    """The names of the graph's placeholders in order."""
    return (argument.name for argument in flat.arguments)
