"""An exported program as a functional graph of tensors, and what each end of it stands for."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
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
from pharos.ingress.torch.draws import draw_outside
from pharos.ingress.torch.ends import Flat, argument_of, result_of
from pharos.ingress.torch.lowering import LARGEST_LITERAL
from pharos.ingress.torch.records import (
    BUFFER,
    CONSTANT,
    INPUT,
    MUTATED_BUFFER,
    MUTATED_INPUT,
    OUTPUT,
    PARAMETER,
)
from pharos.ingress.torch.sizes import expression
from pharos.ingress.torch.state import Held, held_by_program

_KINDS = {
    InputKind.PARAMETER: PARAMETER,
    InputKind.BUFFER: BUFFER,
    InputKind.CONSTANT_TENSOR: CONSTANT,
}
Keeper = Callable[[str], Held]


def flatten(
    program: ExportedProgram, keeper: Keeper | None = None, kept: Collection[int] = ()
) -> Flat:
    """The graph of ``program``, changed in place, with only tensors and sizes at its ends.

    Arguments are the program's parameters, buffers, larger constants and inputs, in this order,
    then the random tensors that it draws; results are first the new contents of what the model
    changes, then its outputs. ``keeper`` finds parameters and buffers at a call (default: those
    that the program holds), ``kept`` are the addresses of tensors that the model keeps elsewhere,
    which may change between calls.
    Raises UserError for ends that are neither tensors, sizes nor constants.
    """
    flattening = _Flattening(program, Flat(program.graph), keeper, kept)
    nodes = [node for node in program.graph.nodes if node.op == "placeholder"]
    signature = program.graph_signature
    for node, spec in zip(nodes, signature.input_specs, strict=True):
        flattening.take_input(node, spec)
    end = next(node for node in program.graph.nodes if node.op == "output")
    for node, spec in zip(end.args[0], signature.output_specs, strict=True):
        flattening.take_output(node, spec)
    end.args = (tuple(flattening.returned),)
    flat = flattening.flat
    draw_outside(flat)
    for symbol, allowed in program.range_constraints.items():
        flat.symbols.ranges[str(symbol)] = (_bounded(allowed.lower), _bounded(allowed.upper))
    program.graph.lint()
    return flat


def _bounded(bound: Any) -> int:
    return int(bound) if bound.is_Integer else (1 << 62) * (1 if bound > 0 else -1)


@dataclass
class _Flattening:
    program: ExportedProgram
    flat: Flat
    keeper: Keeper | None
    kept: Collection[int]

    def __post_init__(self) -> None:
        self.inputs = 0
        self.outputs = 0
        self.returned: list[Any] = []
        self.positions: dict[str, int] = {}

    def take_input(self, node: Any, spec: Any) -> None:
        """A placeholder: it stays as an argument, or becomes what it always is."""
        if spec.kind == InputKind.USER_INPUT:
            self._take_users(node, spec)
            self.inputs += 1
        elif spec.kind in _KINDS and isinstance(spec.arg, TensorArgument):
            self._take_state(node, spec)
        else:
            raise UserError(
                f"expected inputs that are tensors or constants, found {spec.kind.name.lower()} "
                f"'{node.name}' ({type(spec.arg).__name__})"
            )

    def _take_users(self, node: Any, spec: Any) -> None:
        if isinstance(spec.arg, ConstantArgument):
            self.flat.fixed[self.inputs] = spec.arg.value
            node.replace_all_uses_with(spec.arg.value)
            self.flat.graph.erase_node(node)
            return
        if not isinstance(spec.arg, TensorArgument | SymIntArgument):
            raise UserError(
                f"input {self.inputs} ('{node.name}'): expected a tensor or a constant, found "
                f"{type(spec.arg).__name__}"
            )
        self.positions[node.name] = self.inputs
        what = f"input {self.inputs} ('{node.name}')"
        self.flat.take(argument_of(INPUT, node, node.name, what, position=self.inputs), node)

    def _take_state(self, node: Any, spec: Any) -> None:
        """A parameter, buffer or constant: gone when unused, a literal when small and constant."""
        kind, target = _KINDS[spec.kind], spec.target
        if not node.users:
            self.flat.graph.erase_node(node)
        elif kind == CONSTANT and self._is_literal(self._tensor(target)):
            self._inline(node, self._tensor(target))
        else:
            what = f"{kind} '{target}'"
            read = self._held(kind, target).read
            self.flat.take(argument_of(kind, node, target, what, read=read), node)

    def _is_literal(self, tensor: torch.Tensor) -> bool:
        return tensor.numel() <= LARGEST_LITERAL and tensor.data_ptr() not in self.kept

    def _inline(self, node: Any, tensor: torch.Tensor) -> None:
        """Put an attribute of the graph's module, which the importer makes a literal, there."""
        name = f"_pharos_literal_{node.name}"
        setattr(self.flat.graph.owning_module, name, tensor)
        with self.flat.graph.inserting_before(node):
            literal = self.flat.graph.create_node("get_attr", name)
        literal.meta = dict(node.meta)
        node.replace_all_uses_with(literal)
        self.flat.graph.erase_node(node)

    def _tensor(self, target: str) -> Any:
        held = self.program.state_dict
        return held[target] if target in held else self.program.constants[target]

    def _held(self, kind: str, target: str) -> Held:
        if kind == CONSTANT or self.keeper is None:
            return held_by_program(self._tensor(target))
        return self.keeper(target)

    def take_output(self, node: Any, spec: Any) -> None:
        """A result: a tensor goes on being one, sizes and constants are found without the code."""
        if spec.kind == OutputKind.USER_OUTPUT:
            self._take_users_output(node, spec)
            self.outputs += 1
        elif spec.kind == OutputKind.BUFFER_MUTATION:
            store = self._held(BUFFER, spec.target).store
            self.returned.append(node)
            self.flat.give(result_of(MUTATED_BUFFER, node, spec.target, store=store), node)
        elif spec.kind == OutputKind.USER_INPUT_MUTATION:
            position = self.positions[spec.target]
            self.returned.append(node)
            self.flat.give(result_of(MUTATED_INPUT, node, spec.target, position), node)
        else:
            raise _not_a_tensor(spec)

    def _take_users_output(self, node: Any, spec: Any) -> None:
        if isinstance(spec.arg, ConstantArgument):
            self.flat.values[self.outputs] = spec.arg.value
        elif isinstance(spec.arg, SymIntArgument):
            self.flat.values[self.outputs] = expression(node.meta["val"])
        elif isinstance(spec.arg, TensorArgument):
            self.returned.append(node)
            name = f"output_{self.outputs}"
            self.flat.give(result_of(OUTPUT, node, name, self.outputs), node)
        else:
            raise _not_a_tensor(spec)


def _not_a_tensor(spec: Any) -> UserError:
    return UserError(
        f"expected results that are tensors or constants, found {spec.kind.name.lower()} "
        f"({type(spec.arg).__name__})"
    )
