"""Long sums of f32 are sums of short ones, and those are added in f64.

    s = 0.0;  for i in 0..n: s += x[i]
      ==>
    wide = 0.0 (f64)
    for block in 0..n step SHORT: { s = 0.0; for i in block: s += x[i]; wide += s }

One number to which all others are added loses what is small beside it: after 1000 of them, about
five bits. Sums of SHORT numbers lose less than half of that, and the f64 nothing. It costs two
conversions and two sums for SHORT steps of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import combiners
from pharos.targets.common.nests.lanes import scalar, splat
from pharos.targets.common.nests.nest import Nest
from pharos.targets.cpu.vector_loops.choice import Choice

# Steps of a loop whose results are added up in f32.
SHORT = 32

Narrow = Callable[[list[int]], list[Any]]


class WideSums:
    """The reduction loops of ``nest``, in blocks.

    ``bounds`` and ``at`` are those of the kernel, by loop, and change while loops are written;
    ``step`` is how far the loop that vectors run along goes in a step.
    """

    def __init__(
        self, nest: Nest, choice: Choice, bounds: list[tuple[Any, Any]], at: list[Any], step: int
    ) -> None:
        self.bounds, self.at = bounds, at
        self.unit = {d: step if d == choice.vector else 1 for d in nest.reductions}

    def write(self, dims: Sequence[int], narrow: Narrow, kinds: Sequence[Any]) -> list[Any]:
        """The sums over the loops ``dims`` in f64.

        ``narrow(dims)`` writes loops, between the bounds as they are then, and gives their sums,
        which have the types ``kinds``.
        """
        return self._blocks(list(dims), narrow, [_zero(_widened(kind)) for kind in kinds])

    def _blocks(self, dims: list[int], narrow: Narrow, wide: list[Any]) -> list[Any]:
        steps = self._steps(dims)
        if steps is not None and steps <= SHORT:
            return _added(wide, narrow(dims))
        first, rest = dims[0], dims[1:]
        inner = self._steps(rest)
        low, high = self.bounds[first]
        if rest and (inner is None or 2 * inner > SHORT):

            def one(i: Any, values: list[Any]) -> list[Any]:
                self.at[first] = i
                return self._blocks(rest, narrow, values)

            return index.loop(low, high, 1, wide, one)
        block = max(1, SHORT // (inner or 1)) * self.unit[first]

        def several(i: Any, values: list[Any]) -> list[Any]:
            self.bounds[first] = i, index.minimum(index.add(i, index.constant(block)), high)
            return _added(values, narrow(dims))

        sums = index.loop(low, high, block, wide, several)
        self.bounds[first] = low, high
        return sums

    def _steps(self, dims: list[int]) -> int | None:
        """Steps of the loops ``dims`` together; None where that is not known."""
        total = 1
        for dim in dims:
            low, high = (index.known(bound) for bound in self.bounds[dim])
            if low is None or high is None:
                return None
            total *= -(-(high - low) // self.unit[dim])
        return total

    def long(self, dims: Sequence[int]) -> bool:
        """Whether the loops ``dims`` have, or may have, more than ``SHORT`` steps."""
        steps = self._steps(list(dims))
        return steps is None or steps > SHORT


def sums_f32(nest: Nest, choice: Choice) -> bool:
    """Whether ``nest`` adds up numbers of f32, other than the products of a register tile."""
    joins = combiners(nest)
    return bool(
        nest.reductions
        and joins
        and not choice.unroll
        and not any(map(nest.streamed, nest.outputs))
        and all(join.operation == "arith.addf" for join in joins)
        and all(isinstance(access.element, mlir.F32Type) for access in nest.outputs)
    )


def _added(wide: list[Any], sums: list[Any]) -> list[Any]:
    arith = dialect("arith")
    return [
        arith.addf(total, arith.extf(total.type, part))
        for total, part in zip(wide, sums, strict=True)
    ]


def _widened(kind: Any) -> Any:
    wide = mlir.F64Type.get()
    return mlir.VectorType.get(kind.shape, wide) if isinstance(kind, mlir.VectorType) else wide


def _zero(kind: Any) -> Any:
    return splat(kind, 0.0) if isinstance(kind, mlir.VectorType) else scalar(kind, 0.0)
