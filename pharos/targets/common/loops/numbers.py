"""Integer arithmetic at the insertion point, in 32 bits where everything fits, constants folded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir

Number = Any
"""A value of the arithmetic's type, or an int that is known now."""


class Numbers:
    """Non-negative whole numbers below ``limit``: i32 when that fits, else index."""

    def __init__(self, limit: int) -> None:
        narrow = limit < 1 << 31
        self.type = mlir.IntegerType.get_signless(32) if narrow else mlir.IndexType.get()
        self._narrow = narrow

    def value(self, number: Number) -> Any:
        """``number`` as a value."""
        return _constant(self.type, number) if isinstance(number, int) else number

    def of(self, index: Any) -> Any:
        """A value of type index in this arithmetic."""
        return dialect("arith").index_cast(self.type, index) if self._narrow else index

    def index(self, number: Number) -> Any:
        """``number`` as a value of type index."""
        if isinstance(number, int):
            return _constant(mlir.IndexType.get(), number)
        return dialect("arith").index_cast(mlir.IndexType.get(), number) if self._narrow else number

    def add(self, a: Number, b: Number) -> Number:
        """a + b."""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if 0 in (known(a), known(b)):
            return b if known(a) == 0 else a
        return dialect("arith").addi(self.value(a), self.value(b))

    def sub(self, a: Number, b: Number) -> Number:
        """a - b, not below zero but where nobody uses it."""
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        return a if known(b) == 0 else dialect("arith").subi(self.value(a), self.value(b))

    def mul(self, a: Number, factor: int) -> Number:
        """a * factor."""
        if isinstance(a, int):
            return a * factor
        if factor in (0, 1):
            return a if factor else 0
        return dialect("arith").muli(a, self.value(factor))

    def div(self, a: Number, divisor: int) -> Number:
        """a / divisor, rounded down."""
        if isinstance(a, int):
            return a // divisor
        return a if divisor == 1 else dialect("arith").divui(a, self.value(divisor))

    def rem(self, a: Number, divisor: int) -> Number:
        """What remains of a / divisor."""
        if isinstance(a, int):
            return a % divisor
        return 0 if divisor == 1 else dialect("arith").remui(a, self.value(divisor))

    def least(self, a: Number, b: Number) -> Number:
        """The smaller of the two."""
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        return dialect("arith").minui(self.value(a), self.value(b))

    def below(self, a: Number, b: Number) -> Any:
        """Whether a < b, as an i1 value."""
        arith = dialect("arith")
        return arith.cmpi(arith.CmpIPredicate.ult, self.value(a), self.value(b))

    def equal(self, a: Number, b: Number) -> Any:
        """Whether a = b, as an i1 value."""
        arith = dialect("arith")
        return arith.cmpi(arith.CmpIPredicate.eq, self.value(a), self.value(b))

    def digits(self, number: Number, sizes: Sequence[int]) -> list[Number]:
        """``number`` as indices of an array of ``sizes``, row-major; below their product."""
        found: list[Number] = []
        for place, size in reversed(list(enumerate(sizes))):
            found.append(self.rem(number, size) if place else number)
            number = self.div(number, size) if place else number
        return found[::-1]

    def loop(
        self,
        low: Number,
        high: Number,
        step: int,
        carried: Sequence[Any],
        body: Callable[[Any, list[Any]], Sequence[Any]],
    ) -> list[Any]:
        """``scf.for``; ``body(i, values)`` returns the values to carry on."""
        if isinstance(low, int) and isinstance(high, int) and high <= low + step:
            return list(body(low, list(carried))) if low < high else list(carried)
        scf = dialect("scf")
        bounds = [self.value(number) for number in (low, high, step)]
        for_op = scf.ForOp(*bounds, list(carried))
        with mlir.InsertionPoint(for_op.body):
            results = body(for_op.induction_variable, list(for_op.inner_iter_args))
            scf.YieldOp(list(results))
        return list(for_op.results)


def known(number: Number) -> int | None:
    """The number when it is known now."""
    return number if isinstance(number, int) else None


def when(condition: Any, body: Callable[[], None]) -> None:
    """``body`` where ``condition`` (an i1; None: always) holds."""
    if condition is None:
        body()
        return
    scf = dialect("scf")
    if_op = scf.IfOp(condition)
    with mlir.InsertionPoint(if_op.then_block):
        body()
        scf.YieldOp([])


def both(a: Any, b: Any) -> Any:
    """Whether both conditions (None: always true) hold."""
    if a is None or b is None:
        return b if a is None else a
    return dialect("arith").andi(a, b)


def _constant(type_: Any, value: int) -> Any:
    return dialect("arith").ConstantOp(type_, mlir.IntegerAttr.get(type_, value)).result
