"""Which operators of a graph cannot be imported: all of them, each with its line."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import fx

from pharos.core.errors import ErrorList, UserError
from pharos.ingress.torch.places import place_of_node


def refuse_random(graph: fx.Graph) -> None:
    """Raise UserError when ``graph`` draws random numbers: compiled code has no generator."""
    found = [node for node in _operators(graph) if _is_random(node.target)]
    raise_all(
        UserError(
            f"operator {node.target} draws random numbers, which compiled code cannot",
            span=place_of_node(node),
            hint="call model.eval() first, or pass the random tensor as an input",
        )
        for node in found
    )


def _is_random(target: Any) -> bool:
    return torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())


def refuse_unsupported(graph: fx.Graph, attempt: Callable[[fx.Graph], object]) -> None:
    """Raise UserError with every operator of ``graph`` for which ``attempt``, which lowers a
    graph, fails when it stands alone. Returns when none does."""
    failures: dict[str, str | None] = {}
    errors = []
    for node in _operators(graph):
        key = _signature(node)
        if key not in failures:
            failures[key] = _failure(node, attempt)
        reason = failures[key]
        if reason is not None:
            message = f"operator {node.target} cannot be imported: {reason}"
            errors.append(UserError(message, span=place_of_node(node)))
    raise_all(errors)


def raise_all(errors: Iterator[UserError] | list[UserError]) -> None:
    """Raise the errors together, those with one text and place once; return when there are none."""
    different = list({str(error): error for error in errors}.values())
    if len(different) == 1:
        raise different[0]
    if different:
        raise ErrorList(different)


def _operators(graph: fx.Graph) -> list[fx.Node]:
    return [n for n in graph.nodes if n.op == "call_function" and _is_operator(n.target)]


def _is_operator(target: Any) -> bool:
    return isinstance(target, torch._ops.OpOverload | torch._ops.HigherOrderOperator)


def _signature(node: fx.Node) -> str:
    """What decides whether ``node`` has a lowering: its operator and arguments, tensors by type."""

    def shown(argument: Any) -> str:
        value = argument.meta.get("val") if isinstance(argument, fx.Node) else argument
        if isinstance(value, torch.Tensor):
            return f"{value.dtype}{tuple(value.shape)}"
        return repr(value)

    flat = fx.node.map_arg((node.args, node.kwargs), shown)
    return f"{node.target} {flat}"


def _failure(node: fx.Node, attempt: Callable[[fx.Graph], object]) -> str | None:
    """Why ``node`` alone cannot be lowered; None when it can."""
    try:
        attempt(_alone(node))
    except Exception as error:
        message = error.message if isinstance(error, UserError) else str(error)
        lines = message.strip().splitlines()
        # After a colon MLIR shows the operation in its own syntax.
        return lines[0].split(": %")[0] if lines else type(error).__name__
    return None


def _alone(node: fx.Node) -> fx.Graph:
    """A graph with ``node`` only, its arguments as placeholders."""
    graph = fx.Graph(node.graph.owning_module)
    placeholders: dict[fx.Node, fx.Node] = {}
    for argument in node.all_input_nodes:
        if argument.op == "get_attr":
            placeholders[argument] = graph.node_copy(argument)
    for argument in node.all_input_nodes:
        if argument.op != "get_attr":
            placeholders[argument] = graph.placeholder(argument.name)
            placeholders[argument].meta = dict(argument.meta)
    copy = graph.node_copy(node, lambda argument: placeholders[argument])
    graph.output(tuple(_outputs(graph, copy)))
    return graph


def _outputs(graph: fx.Graph, node: fx.Node) -> Iterator[fx.Node]:
    value = node.meta.get("val")
    if not isinstance(value, tuple | list):
        yield node
        return
    for number, part in enumerate(value):
        if isinstance(part, torch.Tensor):
            item = graph.call_function(operator.getitem, (node, number))
            item.meta = {**node.meta, "val": part}
            item.meta.pop("tensor_meta", None)
            yield item
