"""Random tensors of a graph become arguments: torch draws them before each call.

They are drawn in the graph's order from torch's own generator, so that a seed gives a compiled
model the numbers that it gives eager. A call that is bound once draws once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from pharos.ingress.torch.ends import Flat, argument_of
from pharos.ingress.torch.records import RANDOM

_ATEN = torch.ops.aten
Draw = Callable[[], torch.Tensor]


def draw_outside(flat: Flat) -> None:
    """Replace the random operators of ``flat``'s graph, as far as their sizes are known."""
    graph = flat.graph
    nodes = list(graph.nodes)
    last = [node for node in nodes if node.op == "placeholder"][-1:]
    for node in nodes:
        if node.op != "call_function" or not node.users:
            continue
        if node.target == _ATEN.native_dropout.default and _is_known(node.args[0]):
            value = node.meta["val"][0]
            last = [_argument(flat, node, value, _dropout_scale(node), last)]
            _replace_dropout(graph, node, last[0])
        elif (draw := _draw_of(node)) is not None:
            last = [_argument(flat, node, node.meta["val"], draw, last)]
            node.replace_all_uses_with(last[0])
            graph.erase_node(node)


def _argument(flat: Flat, node: Any, value: Any, draw: Draw, after: list[Any]) -> Any:
    """A placeholder after those there are, for what ``draw`` draws in the place of ``node``."""
    graph = flat.graph
    place = graph.inserting_after(after[0]) if after else graph.inserting_before(None)
    with place:
        placeholder = graph.placeholder(f"random_{node.name}")
    placeholder.meta = {**node.meta, "val": value}
    placeholder.meta.pop("tensor_meta", None)
    what = f"random tensor '{node.name}'"
    flat.take(argument_of(RANDOM, placeholder, node.name, what, read=draw), placeholder)
    return placeholder


def _draw_of(node: Any) -> Draw | None:
    """What draws the tensor of ``node``; None where it is not random, or depends on values.

    Operators named like a tensor ("randn_like", "bernoulli.p") take only its type from it.
    """
    tags = getattr(node.target, "tags", ())
    if torch.Tag.nondeterministic_seeded not in tags or not _is_known(node):
        return None
    likeness = node.target.__name__.split(".")[0].endswith("_like")
    if node.all_input_nodes and not (likeness or node.target == _ATEN.bernoulli.p):
        return None
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), _empty_like)
    return functools.partial(node.target, *args, **kwargs)


def _is_known(node: Any) -> bool:
    """Whether ``node`` is a tensor of a size that does not change."""
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and all(type(size) is int for size in value.shape)


def _empty_like(node: Any) -> torch.Tensor:
    value = node.meta["val"]
    return torch.empty(value.shape, dtype=value.dtype)


def _dropout_scale(node: Any) -> Draw:
    """Zeros, and one over the part that stays: what dropout multiplies with."""
    x, rate = node.args[0], node.args[1]

    def draw() -> torch.Tensor:
        scale = _empty_like(x)
        return scale.zero_() if rate == 1 else scale.bernoulli_(1 - rate).div_(1 - rate)

    return draw


def _replace_dropout(graph: Any, node: Any, scale: Any) -> None:
    """For dropout's first result the product with ``scale``, for its mask where that is not 0."""
    values = dict(enumerate(node.meta["val"]))
    parts = [(_ATEN.mul.Tensor, (node.args[0], scale)), (_ATEN.ne.Scalar, (scale, 0))]
    for user in list(node.users):
        target, args = parts[user.args[1]]
        with graph.inserting_before(user):
            made = graph.call_function(target, args)
        made.meta = {**user.meta, "val": values[user.args[1]]}
        user.replace_all_uses_with(made)
        graph.erase_node(user)
    graph.erase_node(node)
