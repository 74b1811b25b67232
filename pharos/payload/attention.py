"""Attention: a contraction, softmax along its keys, another contraction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pharos.payload.bodies import Expression
from pharos.payload.composites import Found
from pharos.payload.elementwise import is_elementwise
from pharos.payload.expressions import Expressions
from pharos.payload.facts import Contraction
from pharos.payload.graph import Node
from pharos.payload.movement import moves

_FAR = 12  # nodes that may stand between the contractions and the softmax


class Heads(NamedTuple):
    """The parts of an attention, and the nodes that stand between them."""

    scores: Node
    softmax: Found
    values: Node
    between: set[Node]


def attentions(
    contractions: Mapping[Node, Contraction], softmaxes: Sequence[Found]
) -> Iterator[Heads]:
    """Every attention among these motifs."""
    ends = {found.root: found for found in softmaxes if found.form == "softmax"}
    for values, second in contractions.items():
        for operand in (0, 1):
            source = values.reads[operand].node
            weights, path = _back(source, set(ends))
            if weights is None:
                continue
            found = ends[weights]
            scores, more = _scores(found, set(contractions))
            if scores is not None and _fits(contractions[scores], second, operand):
                yield Heads(scores, found, values, path | more)
                break


def _scores(found: Found, contractions: set[Node]) -> tuple[Node | None, set[Node]]:
    """The contraction that the softmax takes its scores from."""
    sources = [
        read.node
        for node in found.nodes
        for read in node.reads
        if read.node is not None and read.node not in found.nodes
    ]
    for source in sources:
        scores, path = _back(source, contractions)
        if scores is not None:
            return scores, path
    return None, set()


def _back(start: Node | None, wanted: set[Node]) -> tuple[Node | None, set[Node]]:
    """The first node of ``wanted`` on the way back from ``start``, and the nodes on that way."""
    ways = [(start, frozenset[Node]())]
    seen: set[Node] = set()
    while ways:
        node, path = ways.pop(0)
        if node is None or node in seen or len(path) > _FAR:
            continue
        seen.add(node)
        if node in wanted:
            return node, set(path)
        if is_elementwise(node) or moves(node) or "shape" in node.name:
            ways += [(read.node, path | {node}) for read in node.inputs]
    return None, set()


def _fits(scores: Contraction, values: Contraction, operand: int) -> bool:
    """Whether the second contraction sums over what the first has per query."""
    queries = values.m if operand == 0 else values.n
    sizes = sorted((scores.m, scores.n), key=str)
    return scores.batch == values.batch and sizes == sorted((queries, values.k), key=str)


def mask_of(expressions: Expressions, scores: Expression) -> str:
    """How the scores are masked: "causal", "additive", "select" or "none"."""
    seen: set[Expression] = set()
    pending, compares, selects, adds, places = [scores], False, False, False, False
    while pending:
        one = pending.pop()
        if one in seen:
            continue
        seen.add(one)
        operator, *arguments = expressions.form(one)
        if operator in ("leaf", "constant"):
            continue
        places |= operator == "index"
        compares |= operator.startswith("cmp ")
        selects |= operator == "select"
        adds |= operator == "add" and not any(expressions.number(a) is not None for a in arguments)
        pending += [a for a in arguments if isinstance(a, int)] if operator != "index" else []
    if compares and places:
        return "causal"
    return "select" if selects else "additive" if adds else "none"
