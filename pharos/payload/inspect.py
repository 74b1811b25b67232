"""``inspect_payload``: the facts of a module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pharos.ir import span_of
from pharos.ir.bindings import mlir
from pharos.payload.attention import Form, Miss, attentions_of, facts_of
from pharos.payload.composites import Finder, Found
from pharos.payload.contraction import contraction_of
from pharos.payload.convolution import convolution_of
from pharos.payload.elementwise import Group, groups_of, is_elementwise, name_of
from pharos.payload.facts import (
    Attention,
    Elementwise,
    FunctionFacts,
    Motif,
    NearMiss,
    Norm,
    PayloadFacts,
    Softmax,
    Step,
    ValueFact,
)
from pharos.payload.graph import Graph, Node, graph_of
from pharos.payload.keys import Keys
from pharos.payload.maps import element_of, product, shape_of
from pharos.payload.movement import movement_of
from pharos.payload.reduction import pooling_of, reduction_of, scan_of

_NO_WORK = ("tensor.empty", "arith.constant")


def inspect_payload(module: Any) -> PayloadFacts:
    """The facts of every function of ``module`` that has a body."""
    functions = [
        operation.operation
        for operation in module.body.operations
        if operation.operation.name == "func.func"
    ]
    return PayloadFacts(
        tuple(_function(one) for one in functions if len(one.regions[0].blocks) > 0)
    )


def _function(function: Any) -> FunctionFacts:
    type_ = mlir.FunctionType(function.attributes["function_type"].value)
    motifs = _Motifs(graph_of(function))
    return FunctionFacts(
        function.attributes["sym_name"].value,
        tuple(map(_value, type_.inputs)),
        tuple(map(_value, type_.results)),
        motifs.found(),
        tuple(map(_near, motifs.misses)),
    )


def _value(type_: Any) -> ValueFact:
    kind = {mlir.RankedTensorType: "tensor", mlir.MemRefType: "memref"}.get(type(type_), "scalar")
    return ValueFact(kind, shape_of(type_), element_of(type_))


class _Motifs:
    """Finds the motifs of one function: the larger ones take their operations first."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.keys = Keys(graph)
        self.taken: set[Node] = set()
        self.made: dict[Node, Motif] = {}
        self.misses: list[Miss] = []

    def found(self) -> tuple[Motif, ...]:
        """All motifs in program order."""
        cores: dict[Node, Any] = {}
        for node in self.graph.nodes:
            core = contraction_of(node) or convolution_of(node)
            if core is not None:
                cores[node] = core
        self.taken |= set(cores)
        finder = Finder(self.graph.nodes)
        composites = finder.all()
        for composite in composites:
            self.taken |= composite.nodes
        self.elementwise(cores)
        self.others()
        for node, core in cores.items():
            self.add(node, core, {node, *self.epilogue_nodes.get(node, ())})
        for composite in composites:
            self.add(composite.root, _composite(composite), composite.nodes)
        forms, self.misses = attentions_of(self.graph.nodes)
        for form in forms:
            self.attention(form)
        return tuple(self.made[node] for node in sorted(self.made, key=lambda n: n.number))

    def add(self, node: Node, motif: Motif, covers: set[Node]) -> None:
        """Take ``motif`` in, tied to its operations."""
        ordered = sorted(
            (one for one in covers if one.name not in _NO_WORK), key=lambda one: one.number
        )
        self.taken |= covers
        self.made[node] = replace(
            motif,
            covers=tuple(one.operation for one in ordered),
            key=self.keys.key(motif.kind, node),
            place=span_of(node.operation.location),
        )

    def elementwise(self, cores: dict[Node, Any]) -> None:
        """Groups of elementwise operations: behind a contraction they are its epilogue."""
        free = {n for n in self.graph.nodes if n not in self.taken and is_elementwise(n)}
        self.epilogue_nodes: dict[Node, list[Node]] = {}
        for group in groups_of(self.graph.nodes, free):
            rest = self.epilogue(group, cores)
            if rest:
                last = rest[-1]
                steps = tuple(Step(name_of(node), node.operation) for node in rest)
                self.add(
                    last,
                    Elementwise(
                        operation=last.operation,
                        shape=group.sizes,
                        steps=steps,
                        dtype=element_of(last.outputs[0].type),
                    ),
                    set(rest),
                )

    def epilogue(self, group: Group, cores: dict[Node, Any]) -> list[Node]:
        """Give the part of ``group`` behind a core to the last such core; the rest."""
        behind: dict[Node, Node] = {}
        for node in group.nodes:
            sources = [_through(read.node) for read in node.inputs]
            found = [s if s in cores else behind[s] for s in sources if s in cores or s in behind]
            if found:
                behind[node] = max(found, key=lambda core: core.number)
        if not behind:
            return group.nodes
        core = max(behind.values(), key=lambda one: one.number)
        mine = [node for node in group.nodes if behind.get(node) is core]
        self.epilogue_nodes[core] = mine
        steps = tuple(Step(name_of(node), node.operation) for node in mine)
        cores[core] = replace(cores[core], epilogue=steps)
        return [node for node in group.nodes if node not in mine]

    def others(self) -> None:
        """What is left: softmax operations, scans, windows, reductions, movements."""
        for node in self.graph.nodes:
            if node in self.taken:
                continue
            for classify in _OTHERS:
                motif = classify(node)
                if motif is not None:
                    self.add(node, motif, {node})
                    break

    def attention(self, form: Form) -> None:
        """Put the parts of ``form`` into one motif, at its last contraction."""
        if form.scores not in self.made or form.values not in self.made:
            return  # already a part of another
        inside = {form.scores, form.values, *form.nodes}
        members = sorted((n for n in self.made if n in inside), key=lambda n: n.number)
        found = facts_of(form, tuple(self.made.pop(node) for node in members))
        self.add(form.values, found, inside)


def _near(miss: Miss) -> NearMiss:
    operation = miss.values.operation
    return NearMiss(operation, miss.reason, span_of(operation.location))


def _through(node: Node | None) -> Node | None:
    """The node behind reshapes."""
    while node is not None and node.name in ("tensor.expand_shape", "tensor.collapse_shape"):
        node = node.reads[0].node
    return node


def _composite(found: Found) -> Motif:
    value = found.root.outputs[0]
    operation, shape, dtype = found.root.operation, shape_of(value.type), element_of(value.type)
    if found.form in ("softmax", "log"):
        return Softmax(
            operation=operation,
            shape=shape,
            axis=found.axes[0],
            logarithm=found.form == "log",
            shifted=found.shifted,
            dtype=dtype,
        )
    return Norm(operation=operation, form=found.form, shape=shape, axes=found.axes, dtype=dtype)


def _softmax_of(node: Node) -> Softmax | None:
    if node.name != "linalg.softmax":
        return None
    value = node.operation.operands[0]
    return Softmax(
        operation=node.operation,
        shape=shape_of(value.type),
        axis=mlir.IntegerAttr(node.operation.attributes["dimension"]).value,
        logarithm=False,
        shifted=True,
        dtype=element_of(value.type),
    )


def _attention_of(node: Node) -> Attention | None:
    """``tm_tensor.attention``: (batch..., queries, depth), keys, values and perhaps a mask."""
    if node.name != "tm_tensor.attention":
        return None
    query, key, value = (shape_of(v.type) for v in list(node.operation.operands)[:3])
    return Attention(
        operation=node.operation,
        batch=product(query[:-2]),
        queries=query[-2],
        keys=key[-2],
        depth=query[-1],
        value_depth=value[-1],
        mask="additive" if len(node.inputs) > 4 else "none",
        dtype=element_of(node.operation.operands[0].type),
    )


_OTHERS: tuple[Callable[[Node], Motif | None], ...] = (
    _softmax_of,
    _attention_of,
    scan_of,
    pooling_of,
    reduction_of,
    movement_of,
)
