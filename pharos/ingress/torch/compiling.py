"""torch.compile: its graphs, forward and backward, become imported functions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.aot_autograd import make_boxed_func
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import _disable_current_modes

from pharos.core.errors import UserError
from pharos.ingress.torch.draws import draw_outside
from pharos.ingress.torch.ends import Flat, argument_of, result_of
from pharos.ingress.torch.importer import imported_of
from pharos.ingress.torch.norms import NORMS
from pharos.ingress.torch.places import place_of_node
from pharos.ingress.torch.records import INPUT, OUTPUT, Imported, Tree
from pharos.ingress.torch.sizes import evaluate, expression
from pharos.ingress.torch.sums import SUMS
from pharos.ir.bindings import torch_decompositions

Caller = Callable[[Sequence[Any]], list[Any]]
"""Takes the flat inputs of a graph; returns its flat outputs."""


def compile_graph(
    graph: torch.fx.GraphModule, inputs: Sequence[Any], compiled: Callable[[Imported], Caller]
) -> Callable[..., Any]:
    """What torch.compile calls in place of ``graph``; ``compiled`` turns imports into code.

    AOTAutograd makes functional graphs of it: one for inference, or one forward and one backward
    when gradients are asked for, both compiled now. Raises UserError for what cannot be compiled.
    """
    backend = aot_autograd(
        fw_compiler=_compiler("forward graph", compiled),
        bw_compiler=_compiler("backward graph", compiled),
        inference_compiler=_compiler("inference graph", compiled),
        decompositions=torch_decompositions() | NORMS | SUMS,
    )
    # Not at the first backward pass, when it is too late to do something else. Attention in parts:
    # the backward pass of torch's fused one has no decomposition.
    with (
        torch._functorch.config.patch(force_non_lazy_backward_lowering=True),
        sdpa_kernel(SDPBackend.MATH),
    ):
        function: Callable[..., Any] = backend(graph, inputs)
    return function


def _compiler(part: str, compiled: Callable[[Imported], Caller]) -> Callable[..., Any]:
    """A compiler for AOTAutograd of the graphs that are called ``part``."""

    def compile_part(module: torch.fx.GraphModule, _: Sequence[Any]) -> Any:
        # torch compiles under its fake mode, in which the graph's constants cannot be read.
        with warnings.catch_warnings(), _disable_current_modes():
            warnings.simplefilter("ignore")
            try:
                call = compiled(import_graph(module, part))
            except UserError as error:
                if part != "backward graph":
                    raise
                raise UserError(
                    f"gradients are asked for, and the backward pass cannot be compiled\n{error}",
                    hint="under torch.no_grad() only the forward pass is compiled",
                ) from error
        return make_boxed_func(lambda *args: call(args))

    return compile_part


def import_graph(module: torch.fx.GraphModule, name: str) -> Imported:
    """The functional graph in ``module``; its tensors and sizes are inputs, weights too."""
    graph = module.graph
    flat = Flat(graph)
    placeholders = [node for node in graph.nodes if node.op == "placeholder"]
    for position, node in enumerate(placeholders):
        if not isinstance(node.meta.get("val"), torch.Tensor | torch.SymInt):
            raise UserError(
                f"{name}: expected inputs that are tensors or sizes, found {node.meta.get('val')!r}"
                f" for '{node.name}'",
                span=place_of_node(node),
            )
        what = f"{name}: input {position} ('{node.name}')"
        flat.take(argument_of(INPUT, node, node.name, what, position=position), node)
    end = next(node for node in graph.nodes if node.op == "output")
    outputs = end.args[0] if isinstance(end.args[0], tuple | list) else (end.args[0],)
    tensors = _take_outputs(flat, outputs)
    ours = torch.fx.Graph(module)
    copies: dict[torch.fx.Node, torch.fx.Node] = {}
    ours.graph_copy(graph, copies)
    ours.output(tuple(copies[node] for node in tensors))
    flat.graph = ours
    draw_outside(flat)
    return imported_of(flat, name, _tree(flat, len(outputs)))


def _take_outputs(flat: Flat, outputs: Sequence[Any]) -> list[torch.fx.Node]:
    """Note what each output is; the nodes of those that are tensors."""
    tensors = []
    for position, node in enumerate(outputs):
        value = node.meta.get("val") if isinstance(node, torch.fx.Node) else node
        if isinstance(value, torch.Tensor):
            flat.give(result_of(OUTPUT, node, f"output_{position}", position), node)
            tensors.append(node)
        elif isinstance(value, torch.SymInt):
            flat.values[position] = expression(value)
        elif value is None or isinstance(value, int):
            flat.values[position] = value
        else:
            raise UserError(
                f"expected outputs that are tensors or sizes, found {type(value).__name__} '{node}'"
            )
    return tensors


def _tree(flat: Flat, count: int) -> Tree:
    def flatten(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        return list(args)

    def unflatten(outputs: list[Any], symbols: Any) -> list[Any]:
        tensors = iter(outputs)
        strided = {r.position: r.strides for r in flat.results if r.strides is not None}
        return [
            _value(flat.values[n], symbols)
            if n in flat.values
            else _restrided(next(tensors), strided.get(n), symbols)
            for n in range(count)
        ]

    return Tree(flatten, unflatten, flat.symbols.values)


def _value(value: Any, symbols: Any) -> Any:
    return value if value is None else evaluate(value, symbols)


def _restrided(tensor: torch.Tensor, strides: Any, symbols: Any) -> torch.Tensor:
    """``tensor`` with the strides that eager's result has: later graphs and views rely on them."""
    if strides is None:
        return tensor
    sizes = [evaluate(stride, symbols) for stride in strides]
    copy = torch.empty_strided(tensor.shape, sizes, dtype=tensor.dtype)
    if any(step == 0 and size > 1 for step, size in zip(sizes, tensor.shape, strict=True)):
        # An expanded tensor: every element that shares a place has the same value.
        first = tuple(slice(0, 1) if step == 0 else slice(None) for step in sizes)
        copy[first].copy_(tensor[first])
        return copy
    return copy.copy_(tensor)
