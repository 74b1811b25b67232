"""Softmax and norms, found by what they compute, in however many operations they are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

from pharos.payload.bodies import Expression
from pharos.payload.elementwise import is_elementwise, name_of, repeats
from pharos.payload.expressions import Expressions, Symbol, Symbols
from pharos.payload.graph import Node, Read
from pharos.payload.maps import Size, shape_of

_AXES = 4


class Found(NamedTuple):
    """A composite at ``root``: its nodes, the axes it reduces, the value it starts from."""

    root: Node
    nodes: set[Node]
    form: str
    axes: tuple[int, ...]
    shifted: bool
    source: Expression


class Finder:
    """Looks for composites among the nodes of one function."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.expressions = Expressions()
        self.nodes = nodes
        self._free: dict[Expression, frozenset[Symbol]] = {}

    def all(self) -> list[Found]:
        """Every composite, each operation in at most one: the last one that needs it."""
        found = [one for node in self.nodes if may_end(node) and (one := self.at(node))]
        kept: list[Found] = []
        for one in reversed(found):
            if not any(one.root in other.nodes for other in kept):
                kept.append(one)
        return kept[::-1]

    def at(self, root: Node) -> Found | None:
        """The composite whose last operation is ``root``."""
        assert root.structured is not None
        at = tuple(f"i{n}" for n in range(len(root.structured.outputs[0])))
        made = self.expressions.of_output(root, 0, at)
        for match in (self.softmax, self.log_softmax, self.norm):
            for one in match(root, at, made):
                return one
        return None

    def softmax(self, root: Node, at: Symbols, made: Expression) -> Iterator[Found]:
        """exp(x - max x) / sum(exp(x - max x))"""
        make = self.expressions
        for above, below in self.quotients(made):
            reduced = make.matches(below, "reduce")
            power = make.matches(above, "exp")
            if power is None or reduced is None or reduced[0] != "add":
                continue
            for axes, inside in self.bound(root, at, below, reduced[2]):
                if any(a == reduced[1] for a, _ in self.quotients(inside)):
                    yield self.softmax_of(root, at, power[0], axes, "softmax")

    def log_softmax(self, root: Node, at: Symbols, made: Expression) -> Iterator[Found]:
        """z - log(sum(exp z)), z being x - max x"""
        make = self.expressions
        parts = make.matches(made, "sub")
        logarithm = parts and make.matches(parts[1], "log")
        reduced = logarithm and make.matches(logarithm[0], "reduce")
        if not parts or not logarithm or not reduced or reduced[0] != "add":
            return
        for axes, inside in self.bound(root, at, logarithm[0], reduced[2]):
            again = make.matches(inside, "sub")
            if again is not None and make.make("exp", again[0]) == reduced[1]:
                yield self.softmax_of(root, at, parts[0], axes, "log")

    def softmax_of(
        self, root: Node, at: Symbols, power: Expression, axes: tuple[int, ...], form: str
    ) -> Found:
        """The softmax of what stands in the exponent, its maximum subtracted or not."""
        make = self.expressions
        parts = make.matches(power, "sub")
        largest = parts and make.matches(parts[1], "reduce")
        if parts and largest and largest[0] == "max":
            stops = {parts[0], largest[1]}
            return Found(root, self.cone(root, at, stops), form, axes, True, parts[0])
        return Found(root, self.cone(root, at, {power}), form, axes, False, power)

    def norm(self, root: Node, at: Symbols, made: Expression) -> Iterator[Found]:
        """x, or x minus its mean, divided by a statistic of the same"""
        for above, statistic, root_of in self.scaled(made):
            reduced = self.reduction_in(statistic)
            if reduced is None:
                continue
            total, kind, over, binders = reduced
            if kind != "add":
                continue
            for axes, bound in self.bound(root, at, total, binders):
                inner = [one for one, _, _ in self.scaled(bound)]
                yield from self.norm_of(
                    root, at, above, inner, over, axes, statistic == total, root_of
                )

    def norm_of(
        self,
        root: Node,
        at: Symbols,
        above: Expression,
        inner: list[Expression],
        over: Expression,
        axes: tuple[int, ...],
        whole: bool,
        root_of: bool,
    ) -> Iterator[Found]:
        """The norm of ``above`` if ``over``, which is summed, is its square or absolute value."""
        make = self.expressions
        if root_of and any(make.make("mul", one, one) == over for one in inner):
            source, centred = self.centred(above)
            form = "layer" if centred else "l2" if whole else "rms"
        elif not root_of and any(make.make("abs", one) == over for one in inner):
            source, form = above, "l1"
        else:
            return
        reduced = self.reduction_in(make.form(above)[2]) if source != above else None
        stops = {source, *([reduced[2]] if reduced else []), *(self.sources(inner, form))}
        yield Found(root, self.cone(root, at, stops), form, axes, False, source)

    def sources(self, inner: list[Expression], form: str) -> Iterator[Expression]:
        """What ``inner`` are computed from: themselves, or the value before its mean was taken."""
        for one in inner:
            parts = self.expressions.matches(one, "sub")
            yield parts[0] if form == "layer" and parts else one

    def centred(self, above: Expression) -> tuple[Expression, bool]:
        """(x, True) of x - mean(x); (above, False) of anything else."""
        parts = self.expressions.matches(above, "sub")
        if parts is not None:
            reduced = self.reduction_in(parts[1])
            if reduced is not None and reduced[1] == "add":
                return parts[0], True
        return above, False

    def quotients(self, made: Expression) -> Iterator[tuple[Expression, Expression]]:
        """(a, b) of a / b, also when written a * (1 / b)."""
        make = self.expressions
        divided = make.matches(made, "div")
        if divided is not None:
            yield divided[0], divided[1]
        for one, other in self.products(made):
            reciprocal = make.matches(other, "div")
            if reciprocal is not None and make.number(reciprocal[0]) == 1:
                yield one, reciprocal[1]

    def scaled(self, made: Expression) -> Iterator[tuple[Expression, Expression, bool]]:
        """(a, s, whether of its square root) of a / s, a / sqrt(s + e), a * rsqrt(s + e)."""
        make = self.expressions
        for one, other in self.products(made):
            power = make.matches(other, "rsqrt")
            if power is not None:
                yield one, self.without_constant(power[0]), True
        for above, below in self.quotients(made):
            below = self.without_constant(below)
            power = make.matches(below, "sqrt")
            if power is not None:
                yield above, self.without_constant(power[0]), True
            else:
                yield above, below, False

    def products(self, made: Expression) -> Iterator[tuple[Expression, Expression]]:
        parts = self.expressions.matches(made, "mul")
        if parts is not None and len(parts) == 2:
            yield parts[0], parts[1]
            yield parts[1], parts[0]

    def without_constant(self, made: Expression) -> Expression:
        """x of x + constant or max(x, constant)."""
        make = self.expressions
        for operator in ("add", "max"):
            parts = make.matches(made, operator)
            if parts is not None:
                rest = [one for one in parts if make.number(one) is None]
                if len(rest) == 1:
                    return int(rest[0])
        return made

    def reduction_in(self, made: Expression) -> tuple[Expression, str, Expression, Symbols] | None:
        """The reduction of ``made``: itself, or what is divided by or times a constant."""
        make = self.expressions
        for operator in ("div", "mul"):
            parts = make.matches(made, operator)
            if parts is not None and any(make.number(one) is not None for one in parts):
                made = next(one for one in parts if make.number(one) is None)
        reduced = make.matches(made, "reduce")
        return None if reduced is None else (made, reduced[0], reduced[1], reduced[2])

    def bound(
        self, root: Node, at: Symbols, statistic: Expression, binders: Symbols
    ) -> Iterator[tuple[tuple[int, ...], Expression]]:
        """(axes, the root's element there) with the axes that ``statistic`` sums over bound."""
        wide = _wide(root)
        free = self.free(statistic)
        axes = [n for n, symbol in enumerate(at) if wide[n] and symbol not in free]
        wanted = [binder for binder in binders if binder != 0]
        if not axes or len(axes) != len(wanted) or len(axes) > _AXES:
            return
        for order in permutations(wanted):
            inside = list(at)
            for axis, binder in zip(axes, order, strict=True):
                inside[axis] = binder
            yield tuple(axes), self.expressions.of_output(root, 0, tuple(inside))

    def free(self, made: Expression) -> frozenset[Symbol]:
        """The symbols that ``made`` depends on."""
        pending = [made]
        while pending:
            one = pending[-1]
            operator, *arguments = self.expressions.form(one)
            inner = _inner(operator, arguments)
            missing = [a for a in inner if a not in self._free]
            if missing:
                pending.extend(missing)
                continue
            symbols = frozenset(s for a in inner for s in self._free[a])
            if operator == "leaf":
                symbols = frozenset(arguments[1])
            elif operator == "index":
                symbols = frozenset(arguments)
            elif operator == "reduce":
                symbols -= frozenset(arguments[2])
            self._free[one] = symbols
            pending.pop()
        return self._free[made]

    def cone(self, root: Node, at: Symbols, stops: set[Expression]) -> set[Node]:
        """The nodes between ``root`` and the values that are ``stops``."""
        covered: set[Node] = set()
        casts: list[Node] = []
        pending = [(Read(root, 0, root.outputs[0]), at)]
        seen = set()
        while pending:
            read, place = pending.pop()
            if (read.node, read.output, place) in seen or read.node is None:
                continue
            seen.add((read.node, read.output, place))
            made = self.expressions.of(read, place)
            if made not in stops and self.expressions.operator(made) != "leaf":
                covered.add(read.node)
                pending.extend(self.expressions.needs(read, place))
            elif made in stops and is_elementwise(read.node):
                casts.append(read.node)
        # Conversions of the value that nobody else reads belong to it, too.
        for node in casts:
            if name_of(node) == "cast" and all(user in covered for user, _ in node.users):
                covered.add(node)
        return covered


def may_end(node: Node) -> bool:
    """Whether ``node`` may be the last of a composite: it reads a value per row."""
    nest = node.structured
    if nest is None or nest.reductions or len(nest.outputs) != 1:
        return False
    return nest.inputs > 1 and any(_per_row(node, n) for n in range(nest.inputs))


def _per_row(node: Node, operand: int) -> bool:
    """Whether an operand has one value per row, or is computed from one that has."""
    read, nest = node.reads[operand], node.structured
    if nest is not None and repeats(nest, read, operand):
        return True
    source = read.node
    if source is None or source.structured is None or not is_elementwise(source):
        return False
    return any(repeats(source.structured, one, n) for n, one in enumerate(source.inputs))


def _wide(root: Node) -> list[bool]:
    sizes: tuple[Size, ...] = shape_of(root.outputs[0].type)
    return [size != 1 for size in sizes]


def _inner(operator: str, arguments: Sequence[object]) -> list[Expression]:
    """The arguments that are expressions."""
    if operator in ("leaf", "index", "constant", "carried", "value"):
        return []
    if operator == "reduce":
        return [a for a in (arguments[1], arguments[3]) if isinstance(a, int)]
    return [a for a in arguments if isinstance(a, int)]
