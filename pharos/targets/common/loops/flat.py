"""A nest as loops with sizes, and operands as strides: everything static is a number.

    y[n, c, h] = x[n, c, h] + b[c]          loops (n: 2, c: 3, h: 8)
                                             x, y: offset 0, strides (24, 8, 1); b: (0, 1, 0)

Loops of size one are left out, parallel loops stand in the order of memory of the first output.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.loops.body import indexed_loops, live_arguments
from pharos.targets.common.nests.nest import Access, Nest, expression_uses


@dataclass(frozen=True)
class Loop:
    """``size`` iterations; ``dims`` are the loops of the nest that it stands for, outer first."""

    size: int
    parallel: bool
    dims: tuple[int, ...]


@dataclass(frozen=True)
class Reach:
    """How the nest reaches the operand ``number``.

    ``offset`` counts elements from the start of the memory that the operand is a view of, None
    where only the launch knows it; ``strides`` are elements per step, one for each loop. ``odd``
    is set instead where indices are not linear: then ``strides`` are empty.
    """

    number: int
    element: Any
    offset: int | None
    strides: tuple[int, ...]
    access: Access
    odd: bool = False

    @property
    def bytes(self) -> int:
        """Of one element; 8 for an index."""
        return max(8, getattr(self.element, "width", 64)) // 8


@dataclass(frozen=True)
class Flat:
    """``nest`` as ``loops``; ``reads`` and ``writes`` have one entry per input and output.

    An entry of ``reads`` is None where the body does not use the input; ``before`` are the
    outputs whose old values the body uses.
    """

    nest: Nest
    loops: tuple[Loop, ...]
    reads: tuple[Reach | None, ...]
    writes: tuple[Reach, ...]
    before: frozenset[int]

    @property
    def reaches(self) -> tuple[Reach, ...]:
        return (*(r for r in self.reads if r is not None), *self.writes)

    @property
    def parallel(self) -> tuple[int, ...]:
        return tuple(n for n, loop in enumerate(self.loops) if loop.parallel)

    @property
    def reductions(self) -> tuple[int, ...]:
        return tuple(n for n, loop in enumerate(self.loops) if not loop.parallel)

    def count(self, loops: Sequence[int]) -> int:
        """The iterations of these loops together."""
        return math.prod(self.loops[n].size for n in loops)

    def streamed(self, reach: Reach) -> bool:
        """Whether the output ``reach`` moves along a reduction loop, as a scan's results do."""
        return self.nest.streamed(reach.access)


def flat(nest: Nest) -> Flat:
    """``nest``, whose sizes are all known, loops in the order of the first output's memory."""
    sizes = [nest.size(d) or 0 for d in range(len(nest.parallel))]
    kept = [d for d, size in enumerate(sizes) if size != 1]
    used = live_arguments(nest)
    reaches = [_reach(access, kept) for access in nest.accesses]
    count = len(nest.inputs)
    reads = tuple(r if n in used else None for n, r in enumerate(reaches[:count]))
    writes = tuple(reaches[count:])
    before = frozenset(n - count for n in used if n >= count)
    loops = tuple(Loop(sizes[d], nest.parallel[d], (d,)) for d in kept)
    return _ordered(Flat(nest, loops, reads, writes, before))


def _reach(access: Access, kept: list[int]) -> Reach:
    strides, offset = access.type.get_strides_and_offset()
    known = None if offset == mlir.ShapedType.get_dynamic_stride_or_offset() else int(offset)
    moved = [access.stride(d) for d in kept]
    constant = _constant_part(access, strides)
    if constant is None or any(m is None for m in moved):
        return Reach(access.operand, access.element, known, (), access, odd=True)
    start = None if known is None else known + constant
    return Reach(access.operand, access.element, start, tuple(m or 0 for m in moved), access)


def _constant_part(access: Access, strides: Sequence[int]) -> int | None:
    """Elements from the offset to the first iteration's; None where that is not linear."""
    total = 0
    for expression, stride in zip(access.indices, strides, strict=True):
        found = _at_zero(expression)
        if found is None:
            return None
        total += found * stride
    return total


def _at_zero(expression: Any) -> int | None:
    """The value of a linear affine expression where all loops are at zero."""
    if isinstance(expression, mlir.AffineDimExpr):
        return 0
    if isinstance(expression, mlir.AffineConstantExpr):
        return int(expression.value)
    if isinstance(expression, (mlir.AffineAddExpr, mlir.AffineMulExpr)):
        left, right = _at_zero(expression.lhs), _at_zero(expression.rhs)
        if left is None or right is None:
            return None
        return left + right if isinstance(expression, mlir.AffineAddExpr) else left * right
    return None


def _ordered(found: Flat) -> Flat:
    """Parallel loops by falling stride of the first output, then the reduction loops."""
    lead = found.writes[0].strides if found.writes else ()
    stride = {n: abs(lead[n]) if lead else 0 for n in found.parallel}
    order = [*sorted(found.parallel, key=lambda n: -stride[n]), *found.reductions]
    return reordered(found, order)


def reordered(found: Flat, order: Sequence[int]) -> Flat:
    """``found`` with its loops in ``order``."""

    def moved(reach: Reach) -> Reach:
        return (
            reach if reach.odd else replace(reach, strides=tuple(reach.strides[n] for n in order))
        )

    return replace(
        found,
        loops=tuple(found.loops[n] for n in order),
        reads=tuple(r and moved(r) for r in found.reads),
        writes=tuple(map(moved, found.writes)),
    )


def merged(found: Flat, rows: int | None = None) -> Flat:
    """Neighbouring loops that walk every operand as one loop would become one.

    ``rows`` keeps the leading loops with that many iterations apart from the rest.
    """
    fixed = {d for r in found.reaches if r.odd for d in _dims_of(r)} | indexed_loops(found.nest)
    runs: list[list[int]] = []
    for n, loop in enumerate(found.loops):
        before = found.count(range(n))
        last = runs[-1][-1] if runs else None
        if (
            last is not None
            and before != rows
            and found.loops[last].parallel == loop.parallel
            and not fixed.intersection((*found.loops[last].dims, *loop.dims))
            and all(_one_walk(r, last, n, loop.size) for r in found.reaches)
        ):
            runs[-1].append(n)
        else:
            runs.append([n])
    return _joined(found, runs)


def _dims_of(reach: Reach) -> set[int]:
    count = reach.access.map.n_dims
    return {d for d in range(count) for e in reach.access.indices if expression_uses(e, d)}


def _one_walk(reach: Reach, outer: int, inner: int, size: int) -> bool:
    return reach.odd or reach.strides[outer] == reach.strides[inner] * size


def _joined(found: Flat, runs: list[list[int]]) -> Flat:
    def loop(run: list[int]) -> Loop:
        dims = tuple(d for n in run for d in found.loops[n].dims)
        return Loop(found.count(run), found.loops[run[0]].parallel, dims)

    def walk(reach: Reach) -> Reach:
        if reach.odd:
            return reach
        return replace(reach, strides=tuple(reach.strides[run[-1]] for run in runs))

    return replace(
        found,
        loops=tuple(map(loop, runs)),
        reads=tuple(r and walk(r) for r in found.reads),
        writes=tuple(map(walk, found.writes)),
    )
