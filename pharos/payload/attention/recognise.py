"""Attentions of a function, from each second product backwards.

out[b, m, v] = sum_n weights[b, m, n] * V[b, n, v]      weights = softmax over n of a score of
s[b, m, n] = sum_d Q[b, m, d] * K[b, n, d]              s, m, n, masks, ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pharos.payload.attention.obstacles import obstacle_of
from pharos.payload.attention.places import Dimension, Place, Split
from pharos.payload.attention.sources import Source, source_of
from pharos.payload.attention.terms import Term, Terms
from pharos.payload.attention.weights import NotAttention, weights_of
from pharos.payload.contraction import contraction_of
from pharos.payload.facts import Contraction
from pharos.payload.graph import Node
from pharos.payload.maps import Size, element_of, plain_loops

_SPLITS = 16  # a loop is split at most this often
_NEAR = 60  # nodes that are looked at before anything is matched


@dataclass(frozen=True)
class Form:
    """An attention and all that is needed to write it as one operation.

    ``sizes`` are those of the loops, by symbol, in their order: batch loops, "m", "n", "k", "v".
    ``factor`` is what the product of ``query`` and ``key`` is multiplied with before ``score``, a
    term in which ``product`` stands for it. ``result`` is the place of an element of the second
    product's output.
    """

    scores: Node
    values: Node
    nodes: frozenset[Node]
    sizes: dict[str, Size]
    query: Source
    key: Source
    value: Source
    factor: float
    terms: Terms = field(repr=False)
    product: Term
    score: Term
    base: str
    empty_rows: str
    extras: tuple[tuple[Term, Source], ...]
    outside: tuple[tuple[Term, Any], ...]
    result: Place

    @property
    def obstacle(self) -> str:
        """Why it cannot become one operation; "" where it can."""
        return obstacle_of(self)


class Miss(NamedTuple):
    """What looks like an attention whose second product is ``values``, and why it is none."""

    values: Node
    reason: str


def attentions_of(nodes: Sequence[Node]) -> tuple[list[Form], list[Miss]]:
    """The attentions among the nodes of one function, and the near misses."""
    found: list[Form] = []
    misses: list[Miss] = []
    for node in nodes:
        contraction = contraction_of(node)
        for operand in (0, 1) if contraction is not None else ():
            if contraction is None or not _near(node, operand):
                continue
            try:
                found.append(_Recogniser(node, contraction, operand).form())
            except NotAttention as miss:
                misses.append(Miss(node, str(miss)))
    done = {form.values for form in found}
    return found, [miss for miss in misses if miss.values not in done]


def _near(node: Node, operand: int) -> bool:
    """Whether something like a softmax of a product, or of what hides some, is this operand."""
    pending, seen = [node.reads[operand].node], set[Node]()
    marks = {"product": False, "power": False, "sum": False, "mask": False}
    while pending and len(seen) < _NEAR:
        one = pending.pop(0)
        if one is None or one in seen:
            continue
        seen.add(one)
        if contraction_of(one) is not None:
            marks["product"] = True
            continue
        nest = one.structured
        if one.name == "linalg.softmax":
            marks["power"] = marks["sum"] = True
        elif nest is not None:
            names = {inner.operation.name for inner in nest.body.operations}
            marks["power"] |= bool(names & {"math.exp", "math.exp2"})
            marks["sum"] |= bool(nest.reductions) and "arith.addf" in names
            marks["mask"] |= "arith.select" in names and not nest.reductions
        pending += [read.node for read in one.reads]
    softmax = marks["power"] and marks["sum"]
    return marks["product"] and (softmax or (marks["mask"] and _batched(node)))


def _batched(node: Node) -> bool:
    contraction = contraction_of(node)
    return contraction is not None and contraction.batch != 1


class _Recogniser:
    """Matches one second product; its loops get finer digits until all reshapes have them."""

    def __init__(self, node: Node, contraction: Contraction, operand: int) -> None:
        self.node, self.operand = node, operand
        assert node.structured is not None
        self.nest = node.structured
        self.roles = _roles(node, operand)
        self.digits: dict[int, Dimension] = {
            loop: ((name, self.nest.sizes[loop]),) for loop, name in self.roles.items()
        }
        if contraction.initial != "zero":
            raise NotAttention("the second product does not start from zero")

    def form(self) -> Form:
        """The form. NotAttention with the reason when it is none."""
        for _ in range(_SPLITS):
            found = self._tried()
            if found is not None:
                return found
        raise NotAttention("its reshapes do not fit together")

    def _tried(self) -> Form | None:
        """The form; None when a digit had to be split first."""
        try:
            return self._form()
        except Split as split:
            self._refine(split)
        return None

    def _refine(self, split: Split) -> None:
        for loop, digits in self.digits.items():
            for at, (symbol, _) in enumerate(digits):
                if symbol == split.symbol and symbol not in ("m", "n", "k", "v"):
                    names = (f"{symbol}0", f"{symbol}1")
                    parts = tuple(zip(names, split.sizes, strict=True))
                    self.digits[loop] = (*digits[:at], *parts, *digits[at + 1 :])
                    return
        raise NotAttention(f"a reshape splits its loop '{split.symbol}'")

    def _place(self, position: int) -> Place:
        loops = plain_loops(self.nest.accesses[position]) or ()
        return tuple(self.digits[loop] for loop in loops)

    def _form(self) -> Form:
        terms = Terms()
        read, place = self.node.reads[self.operand], self._place(self.operand)
        (key,) = (digits for loop, digits in self.digits.items() if self.roles[loop] == "n")
        if key[0][1] == 0:
            raise NotAttention("there are no keys")
        bound: Dimension = (("r0", key[0][1]),)
        there = tuple(bound if digits == key else digits for digits in place)
        weights = weights_of(terms, lambda inner: terms.element(read, there if inner else place))
        product, first, keys = self._product(terms, weights.scores)
        query, key_source, factor, depth = keys
        value = source_of(self.node.reads[1 - self.operand], self._place(1 - self.operand), False)
        extras, outside = _leaves(terms, weights.scores, product)
        form = Form(
            first, self.node, frozenset(terms.seen), self._sizes(depth), query, key_source, value,
            factor, terms, product, weights.scores, weights.base, weights.empty_rows,
            extras, outside, self._place(2),
        )  # fmt: skip
        _check(form)
        _check_readers(form)
        return form

    def _sizes(self, depth: Size) -> dict[str, Size]:
        order = {"m": 1, "n": 2, "v": 4}
        named = [d for digits in self.digits.values() for d in digits]
        batch = {name: size for name, size in named if name not in order}
        sizes = dict(named)
        return {**batch, "m": sizes["m"], "n": sizes["n"], "k": depth, "v": sizes["v"]}

    def _product(
        self, terms: Terms, scores: Term
    ) -> tuple[Term, Node, tuple[Source, Source, float, Size]]:
        """The leaf that is the first product, its node, and its factors."""
        reason = "the scores are not computed from a product"
        for leaf in _leaves_of(terms, scores):
            read, place = terms.reads[leaf]
            if read.node is None or contraction_of(read.node) is None:
                continue
            factors = _factors(read.node, place)
            if not isinstance(factors, str):
                return leaf, read.node, factors
            reason = factors
        raise NotAttention(reason)


def _roles(node: Node, operand: int) -> dict[int, str]:
    """By loop of the second product: "m", "n", "v", or the name of a batch loop."""
    nest = node.structured
    assert nest is not None
    weights, values, out = (plain_loops(nest.accesses[i]) or () for i in (operand, 1 - operand, 2))
    inner = [d for d in weights if d in values and d not in out]
    columns = [d for d in values if d not in weights]
    rows = [d for d in weights if d not in values]
    if len(inner) != 1:
        raise NotAttention("the second product sums over several loops")
    if len(columns) != 1 or not rows:
        raise NotAttention("the second product has not one loop over queries and one over depth")
    names = {inner[0]: "n", columns[0]: "v", rows[-1]: "m"}
    batch = [d for d in out if d not in names]
    return {**{d: f"b{number}" for number, d in enumerate(batch)}, **names}


def _factors(node: Node, place: Place) -> tuple[Source, Source, float, Size] | str:
    """Query, key, what their product is multiplied with, and the depth, of the first product whose
    element at ``place`` is a score; the reason why it is no such product."""
    nest = node.structured
    contraction = contraction_of(node)
    assert nest is not None and contraction is not None
    if contraction.initial != "zero":
        return "the first product does not start from zero"
    digits: list[Dimension | None] = [None] * nest.loops
    for loop, one in zip(plain_loops(nest.accesses[2]) or (), place, strict=True):
        digits[loop] = one
    inner = sorted(nest.reductions)
    if len(inner) != 1:
        return "the first product sums over several loops"
    digits[inner[0]] = (("k", nest.sizes[inner[0]]),)
    sources = []
    for position in (0, 1):
        loops = plain_loops(nest.accesses[position]) or ()
        where = tuple(digits[loop] or () for loop in loops)
        sources.append(source_of(node.reads[position], where))
    if "n" in sources[0].symbols:
        sources.reverse()
    query, key = sources
    if "m" in key.symbols or "n" in query.symbols or "n" not in key.symbols:
        return "the scores are no product of queries and keys"
    return query, key, query.factor * key.factor, nest.sizes[inner[0]]


def _leaves_of(terms: Terms, term: Term) -> list[Term]:
    """The leaves of ``term`` in the order in which they are found."""
    found: dict[Term, None] = {}
    pending, seen = [term], set[Term]()
    while pending:
        one = pending.pop(0)
        if one in seen:
            continue
        seen.add(one)
        form = terms.form(one)
        if form[0] == "leaf":
            found[one] = None
        elif form[0] == "apply":
            pending += form[4:]
        elif form[0] in ("reduce", "carried"):
            raise NotAttention("the scores depend on sums or maxima along a row")
    return list(found)


def _leaves(
    terms: Terms, scores: Term, product: Term
) -> tuple[tuple[tuple[Term, Source], ...], tuple[tuple[Term, Any], ...]]:
    """What the scores are computed from besides the product: tensors, and scalars of outside."""
    extras, outside = [], []
    for leaf in _leaves_of(terms, scores):
        if leaf == product:
            continue
        read, place = terms.reads[leaf]
        if element_of(read.value.type) == str(read.value.type):
            outside.append((leaf, read.value))
        else:
            extras.append((leaf, source_of(read, place, False)))
    return tuple(extras), tuple(outside)


def _check(form: Form) -> None:
    """Refuse operands and scores that the fused operation cannot have."""
    batch = set(form.sizes) - {"m", "n", "k", "v"}
    needs: list[tuple[str, Source, set[str], set[str]]] = [
        ("the query", form.query, {"m", "k"}, batch),
        ("the key", form.key, {"n", "k"}, batch),
        ("the value", form.value, {"n", "v"}, batch),
        *(("a mask", source, set(), batch | {"m", "n"}) for _, source in form.extras),
    ]
    for what, source, needed, allowed in needs:
        symbols = source.symbols
        wide = {s for s in needed if form.sizes[s] != 1}
        if not wide <= set(symbols) <= needed | allowed or len(set(symbols)) != len(symbols):
            raise NotAttention(f"{what} is not read along its own loops")


def _check_readers(form: Form) -> None:
    """Refuse scores and weights that others read: they are computed and kept anyway."""
    inside = {form.scores}
    for node in sorted(form.nodes, key=lambda one: one.number):
        if any(read.node in inside for read in node.reads):
            inside.add(node)
    for node in inside:
        if any(user not in inside and user is not form.values for user, _ in node.users):
            raise NotAttention("its scores or weights are read by something else, too")
