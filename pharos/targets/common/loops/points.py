"""One work-item per result: every nest can run so.

    y[i, j] = f(x[i, j], ...)      work-item n: i, j = n; for each step of the reduction loops: f

Work-items next to each other work on results next to each other in memory, so that accesses of a
subgroup become few transactions. ``width`` results that fill a vector belong to one work-item; what
does not fill the last vector of an array is done one by one by the work-item after the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.loops.body import Body
from pharos.targets.common.loops.flat import Flat, Reach
from pharos.targets.common.loops.joins import joins_of, terms
from pharos.targets.common.loops.memory import Memory
from pharos.targets.common.loops.numbers import Number, Numbers, when
from pharos.targets.common.nests.body import broadcast, counted


@dataclass(frozen=True)
class Points:
    """``grid`` blocks of ``block`` work-items, each for ``width`` results at a time."""

    width: int
    block: int
    grid: int


def write_points(
    found: Flat, plan: Points, buffers: Sequence[Any], outside: dict[Any, Any], numbers: Numbers
) -> None:
    """The kernel's body at the insertion point; ``buffers`` stand for the operands."""
    _Writer(found, plan, buffers, outside, numbers).write()


class _Writer:
    def __init__(
        self,
        found: Flat,
        plan: Points,
        buffers: Sequence[Any],
        outside: dict[Any, Any],
        numbers: Numbers,
    ) -> None:
        self.found, self.plan, self.numbers = found, plan, numbers
        self.memory = Memory(found, buffers, numbers)
        self.body = Body(found.nest, outside)
        self.outside = outside
        self.at: list[Number] = [0] * len(found.loops)
        self.joins = joins_of(found.nest)

    def write(self) -> None:
        """All results: one turn, or as many as the grid is too small for."""
        numbers, plan, gpu = self.numbers, self.plan, dialect("gpu")
        self.memory.prepare()
        thread = numbers.of(gpu.thread_id(gpu.Dimension.x))
        block = numbers.of(gpu.block_id(gpu.Dimension.x)) if plan.grid > 1 else 0
        first = numbers.add(numbers.mul(block, plan.block), thread)
        results = self.found.count(self.found.parallel)
        turns, rest = divmod(results, plan.width)
        turns += rest > 0
        workers = plan.grid * plan.block
        if workers >= turns:
            fits = numbers.below(first, turns) if workers > turns else None
            when(fits, lambda: self._turn(first, turns, rest))
            return

        def body(turn: Any, _: list[Any]) -> list[Any]:
            self._turn(turn, turns, rest)
            return []

        numbers.loop(first, turns, workers, [], body)

    def _turn(self, turn: Number, turns: int, rest: int) -> None:
        """The results of one turn, of which the last has ``rest`` when that is not 0."""
        if not rest:
            self._results(turn, self.plan.width)
            return
        numbers, scf = self.numbers, dialect("scf")
        if turns == 1:
            self._one_by_one(0, rest)
            return
        if_op = scf.IfOp(numbers.below(turn, turns - 1), has_else=True)
        with mlir.InsertionPoint(if_op.then_block):
            self._results(turn, self.plan.width)
            scf.YieldOp([])
        with mlir.InsertionPoint(if_op.else_block):
            self._one_by_one((turns - 1) * self.plan.width, rest)
            scf.YieldOp([])

    def _one_by_one(self, first: int, count: int) -> None:
        def body(at: Any, _: list[Any]) -> list[Any]:
            self._results(at, 1, step=1)
            return []

        self.numbers.loop(first, first + count, 1, [], body)

    def _results(self, turn: Number, width: int, step: int | None = None) -> None:
        """The ``width`` results of this turn; turns are ``step`` results (default: width)."""
        numbers, found = self.numbers, self.found
        step = step or width
        sizes = [found.loops[n].size for n in found.parallel]
        if sizes:
            sizes[-1] = -(-sizes[-1] // step)
        digits = numbers.digits(turn, sizes)
        for n, digit in zip(found.parallel, digits, strict=True):
            self.at[n] = numbers.mul(digit, step) if n == found.parallel[-1] else digit
        kept = [w for w in found.writes if not found.streamed(w)]
        carried = [self._before(write, width) for write in kept]
        if self.joins is not None:
            pairs = zip(self.joins, carried, strict=True)
            carried = [join.widened(value) for join, value in pairs]
        results = self._reduced(list(found.reductions), carried, width)
        if self.joins is not None:
            pairs = zip(self.joins, results, strict=True)
            results = [join.narrowed(value) for join, value in pairs]
        for write, value in zip(kept, results, strict=True):
            self.memory.store(write, self.at, value)

    def _before(self, write: Reach, width: int) -> Any:
        """What an output is before the reduction loops run."""
        nest, found = self.found.nest, self.found
        start = nest.start.get(write.number)
        if start is not None:
            value = self.outside.get(start, start)
        elif write.number - len(nest.inputs) in found.before:
            return self.memory.load(write, self.at, width)
        else:
            value = _zero(write.element)
        return broadcast(value, width) if width > 1 else value

    def _reduced(self, loops: list[int], carried: list[Any], width: int) -> list[Any]:
        if not loops:
            return self._iteration(carried, width)

        def body(i: Any, values: list[Any]) -> list[Any]:
            self.at[loops[0]] = i
            return self._reduced(loops[1:], values, width)

        return self.numbers.loop(0, self.found.loops[loops[0]].size, 1, carried, body)

    def _iteration(self, carried: list[Any], width: int) -> list[Any]:
        """One iteration of the body: what it yields for the outputs that are carried."""
        found = self.found
        arguments = [r and self._load(r, width) for r in found.reads]
        if self.joins is not None:
            new = terms(self.body, arguments, lambda d: self._number(d, width), width)
            triples = zip(self.joins, carried, new, strict=True)
            return [join(old, join.widened(term)) for join, old, term in triples]
        values = iter(carried)
        for number, write in enumerate(found.writes):
            if not found.streamed(write):
                arguments.append(next(values))
            else:
                old = number in found.before
                arguments.append(self.memory.load(write, self.at) if old else None)
        built = self.body.build(arguments, lambda d: self._number(d, width), width)
        results = self.body.yields(built, width)
        for write, value in zip(found.writes, results, strict=True):
            if found.streamed(write):
                self.memory.store(write, self.at, value)
        pairs = zip(found.writes, results, strict=True)
        return [value for write, value in pairs if not found.streamed(write)]

    def _load(self, reach: Reach, width: int) -> Any:
        moves = width > 1 and reach.strides[self.found.parallel[-1]] != 0
        return self.memory.load(reach, self.at, width if moves else 1)

    def _number(self, dim: int, width: int) -> Any:
        """The number of the iteration of the nest's loop ``dim``."""
        for n, loop in enumerate(self.found.loops):
            if dim in loop.dims:
                first = self.numbers.index(self.at[n])
                if width > 1 and n == self.found.parallel[-1]:
                    return counted(first, width)
                return first
        return self.numbers.index(0)


def _zero(type_: Any) -> Any:
    """Zero: what is carried where nobody asks for it."""
    is_float = isinstance(type_, mlir.FloatType)
    value = mlir.FloatAttr.get(type_, 0.0) if is_float else mlir.IntegerAttr.get(type_, 0)
    return dialect("arith").ConstantOp(type_, value).result
