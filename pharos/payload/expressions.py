"""One element of a value as an expression of what it was computed from.

Elementwise operations, reductions, transpositions and reshapes that only add or drop dimensions of
size 1 are seen through; contractions, windows, arguments are leaves. So softmax written as one
operation, as five or as nine has one expression. An index is a tuple of symbols, one per dimension:
"i0", "i1" of the element asked for, "b0" of a sum's own loop, 0 for the only element.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from pharos.payload.bodies import Expression, Interner, scalar_constant, yields
from pharos.payload.contraction import reassociation
from pharos.payload.graph import Node, Read
from pharos.payload.maps import Access, shape_of
from pharos.payload.structured import Structured

Symbol: TypeAlias = "str | int"
Symbols: TypeAlias = tuple[Symbol, ...]
_RESHAPES = ("tensor.expand_shape", "tensor.collapse_shape")


class Expressions(Interner):
    """The expressions of one function's values."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[tuple[Any, ...], Expression] = {}
        self._leaves: dict[Any, int] = {}
        self._single: dict[Any, tuple[int, ...]] = {}

    def of_output(self, node: Node, number: int, at: Symbols) -> Expression:
        """Element ``at`` of output ``number`` of ``node``."""
        return self.of(Read(node, number, node.outputs[number]), at)

    def of(self, read: Read, at: Symbols) -> Expression:
        """Element ``at`` of what ``read`` holds."""
        # A stack of our own: chains of elementwise operations are longer than Python's.
        stack = [(read, self._only(read.value, at))]
        while stack:
            key = stack[-1]
            if _key(key) in self._known:
                stack.pop()
                continue
            needs, build = self._step(*key)
            missing = [need for need in needs if _key(need) not in self._known]
            if missing:
                stack.extend(missing)
                continue
            self._known[_key(key)] = build([self._known[_key(need)] for need in needs])
            stack.pop()
        return self._known[_key((read, self._only(read.value, at)))]

    def needs(self, read: Read, at: Symbols) -> list[tuple[Read, Symbols]]:
        """The elements that this one is directly computed from."""
        return self._step(read, self._only(read.value, at))[0]

    def _only(self, value: Any, at: Symbols) -> Symbols:
        """``at`` with 0 where a dimension has one element."""
        type_ = value.type
        if type_ not in self._single:
            self._single[type_] = tuple(n for n, s in enumerate(shape_of(type_)) if s == 1)
        single = self._single[type_]
        if not single:
            return at
        return tuple(0 if n in single else symbol for n, symbol in enumerate(at))

    def _step(self, read: Read, at: Symbols) -> tuple[list[tuple[Read, Symbols]], Any]:
        """What else must be known, and the function from that to the expression."""
        node = read.node
        constant = scalar_constant(read.value)
        if constant is not None:
            return [], lambda _: self.constant(constant)
        if node is not None and read.same:
            if node.structured is not None:
                step = self._structured(node, node.structured, read.output, at)
                if step is not None:
                    return step
            elif node.name in _RESHAPES:
                source = _reshaped(node, at)
                if source is not None:
                    need = (node.reads[0], self._only(node.reads[0].value, source))
                    return [need], lambda found: found[0]
        return [], lambda _: self.leaf(read, at)

    def leaf(self, read: Read, at: Symbols) -> Expression:
        """Element ``at`` of a value that is not looked into."""
        identity = read.value if read.node is None else (read.node.number, read.output, read.value)
        number = self._leaves.setdefault(identity, len(self._leaves))
        return self.make("leaf", number, at)

    def _structured(
        self, node: Node, nest: Structured, output: int, at: Symbols
    ) -> tuple[list[tuple[Read, Symbols]], Any] | None:
        loops = _loops(nest, output, at)
        if loops is None:
            return None
        binders = _bound(nest, loops, at)
        needs = []
        for read, access in zip(node.reads, nest.accesses, strict=True):
            reached = _reached(access, loops)
            if reached is None:
                return None
            needs.append((read, self._only(read.value, reached)))
        inputs = nest.inputs

        def build(found: list[Expression]) -> Expression:
            carried = [self.make("carried", n) for n in range(len(found) - inputs)]
            arguments = [*found[:inputs], *(carried if nest.reductions else found[inputs:])]
            made = yields(self, nest, arguments, loops, self._outside)[output]
            if not nest.reductions:
                return made
            return self._reduction(made, carried[output], binders, found[inputs + output])

        if nest.reductions and len(node.inputs) > 1:
            return None  # contractions and windows are leaves
        return needs, build

    def _reduction(
        self, made: Expression, carried: Expression, binders: Symbols, start: Expression
    ) -> Expression:
        """``reduce(kind, over, binders, start)`` of a body that combines with what it carries."""
        operator, *arguments = self.form(made)
        if len(arguments) == 2 and carried in arguments:
            arguments.remove(carried)
            return self.make("reduce", operator, arguments[0], binders, start)
        return self.make("reduce", "other", made, binders, start)

    def _outside(self, value: Any) -> Expression:
        constant = scalar_constant(value)
        if constant is not None:
            return self.constant(constant)
        return self.leaf(Read(None, 0, value), ())


def _key(need: tuple[Read, Symbols]) -> tuple[Any, ...]:
    read, at = need
    if read.node is None:
        return (None, read.value, at)
    return (read.node.number, read.output, read.same, at)


def _loops(nest: Structured, output: int, at: Symbols) -> list[Any] | None:
    """The symbol of each parallel loop, given the element of the output; None if it is not told."""
    loops: list[Any] = [None] * nest.loops
    for index, symbol in zip(nest.outputs[output], at, strict=True):
        if index is None or (index.terms and index.loop is None):
            return None
        if index.loop is not None:
            loops[index.loop] = symbol
    if any(loops[d] is None for d in nest.parallel):
        return None
    return loops


def _bound(nest: Structured, loops: list[Any], at: Symbols) -> Symbols:
    """Give each reduction loop a symbol that ``at`` does not use."""
    used = sum(isinstance(symbol, str) and symbol.startswith("b") for symbol in at)
    binders = []
    for number, loop in enumerate(sorted(nest.reductions)):
        loops[loop] = 0 if nest.sizes[loop] == 1 else f"b{used + number}"
        binders.append(loops[loop])
    return tuple(binders)


def _reached(access: Access, loops: list[Any]) -> Symbols | None:
    found: list[Symbol] = []
    for index in access:
        if index is None or (index.terms and index.loop is None):
            return None
        found.append(index.offset if index.loop is None else loops[index.loop])
    return tuple(found)


def _reshaped(node: Node, at: Symbols) -> Symbols | None:
    """The element of a reshape's source; None when the reshape splits or joins dimensions."""
    source = shape_of(node.operation.operands[0].type)
    result = shape_of(node.outputs[0].type)
    groups = reassociation(node.operation)
    expands = node.name == "tensor.expand_shape"
    short, long = (source, result) if expands else (result, source)
    found: list[Symbol] = [0] * len(source)
    for one, group in enumerate(groups):
        wide = [dim for dim in group if long[dim] != 1]
        if len(wide) > 1 or (not wide and short[one] != 1):
            return None
        if wide:
            position, symbol = (one, at[wide[0]]) if expands else (wide[0], at[one])
            found[position] = symbol
    return tuple(found)
