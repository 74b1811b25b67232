"""Which loop becomes vectors, which are unrolled into registers, which is split over threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.fast_math.functions import FUNCTIONS
from pharos.targets.common.nests.body import can_vectorize, combiners, scanned
from pharos.targets.common.nests.nest import Access, Nest


@dataclass(frozen=True)
class Registers:
    """What the code generator has: the width of a vector in bits, and how many there are."""

    bits: int
    count: int


@dataclass(frozen=True)
class Choice:
    """Decisions for one nest.

    ``vector`` is the loop that runs over vectors of ``width`` elements, None for scalar code;
    ``unroll`` gives for parallel loops how many iterations are held in registers at once;
    ``split`` is the parallel loop that threads share, None when there is no parallel loop. A vector
    is ``together`` registers long.
    """

    vector: int | None
    width: int
    unroll: dict[int, int]
    split: int | None
    registers: Registers
    together: int = 1

    def vectors(self, rows: int) -> int:
        """Vectors per step of a parallel vector loop when ``rows`` iterations are unrolled.

        The results of a tile fill half of the registers.
        """
        return max(1, min(4, self.registers.count // 2 // rows))

    def chains(self, results: int) -> int:
        """Independent partial results per result of a tile, when vectors run along a reduction.

        Together they cover the latency of the arithmetic: 4 cycles on 2 units.
        """
        return max(1, min(4, self.registers.count // 4 // results) // self.together)


def choose(nest: Nest, registers: Registers, threads: int = 1) -> Choice:
    """Decisions for ``nest`` from its access patterns and sizes; see ``Choice``."""
    width = registers.bits // _widest(nest)
    vector = _vector_loop(nest, width) if width > 1 else None
    unroll = _unrolled(nest, vector, registers)
    lanes, together = width if vector is not None else 1, 1
    if vector is not None and not unroll:
        together = _together(nest, vector, width, registers)
    split = _split(nest, vector, threads)
    return Choice(vector, lanes * together, unroll, split, registers, together)


def _together(nest: Nest, vector: int, width: int, registers: Registers) -> int:
    """Registers to a vector: several where the body has long chains of arithmetic.

    The operations of a long vector become one for each register, next to each other. A core looks
    ahead some hundred operations, less than an exponential has: one after the other, the chains of
    two registers would hardly overlap.
    """
    count = 4 if registers.count >= 32 else 2
    size = nest.size(vector)
    if not any(op.operation.name in FUNCTIONS for op in nest.body.operations):
        return 1
    if any(a.uses(vector) and not a.contiguous(vector) for a in nest.accesses):
        return 1
    short = size is not None and size < 2 * count * width
    return 1 if short or any(map(nest.streamed, nest.outputs)) else count


def _widest(nest: Nest) -> int:
    """Bits of the widest element among the operands and the values of the body."""
    types = [access.element for access in nest.accesses]
    types += [r.type for op in nest.body.operations for r in op.operation.results]
    return max((_bits(t) for t in types), default=64)


def _bits(type_: Any) -> int:
    if isinstance(type_, mlir.IndexType):
        return 64
    return int(type_.width) if hasattr(type_, "width") else 64


def _vector_loop(nest: Nest, width: int) -> int | None:
    """The loop that vectors run along; None where scalar code is not slower.

    The innermost loop along which every operand is contiguous or constant is best, parallel
    first, unless it fills less than half a vector; then the costs decide.
    """
    if not can_vectorize(nest) or any(_bits(a.element) == 1 for a in nest.accesses):
        return None
    fitting = [dim for dim in range(len(nest.parallel)) if _fits(nest, dim)]
    smooth = [
        (nest.parallel[dim], sum(a.uses(dim) for a in nest.accesses), dim)
        for dim in fitting
        if all(a.contiguous(dim) for a in nest.accesses if a.uses(dim))
    ]
    if smooth:
        best = max(smooth)[2]
        size = nest.size(best)
        if size is None or 2 * size >= width:
            return best
    costs = [(_cost(nest, dim, width), dim) for dim in fitting]
    return min(costs)[1] if costs and min(costs)[0] < _scalar_cost(nest) else None


def _fits(nest: Nest, dim: int) -> bool:
    """Whether the body means the same on vectors along ``dim``, and they can be loaded."""
    if not all(a.steady(dim) for a in nest.accesses):
        return False
    if not any(a.uses(dim) for a in nest.accesses):
        return False
    if nest.parallel[dim]:
        return all(a.uses(dim) for a in nest.outputs)
    if any(nest.streamed(a) for a in nest.outputs):
        return nest.reductions == (dim,) and scanned(nest) is not None and _joins(nest)
    return _joins(nest)


def _joins(nest: Nest) -> bool:
    return combiners(nest) is not None


def _cost(nest: Nest, dim: int, width: int) -> float:
    """Instructions, roughly, per iteration of the nest with vectors along ``dim``."""
    per_vector = sum(_access_cost(access, dim, width) for access in nest.accesses)
    per_vector += len(list(nest.body.operations))
    size = nest.size(dim)
    if size is None:
        return per_vector / width
    vectors = -(-size // width)
    # Joining the lanes at the end of a reduction takes about as long as 8 instructions.
    joining = 0 if nest.parallel[dim] else 8
    return (per_vector * vectors + joining) / max(1, size)


def _access_cost(access: Access, dim: int, width: int) -> float:
    if not access.uses(dim):
        return 0.5
    stride = access.stride(dim)
    if stride == 1:
        return 1.0
    if stride == -1:
        return 2.0
    if stride == 2:
        return 3.0
    # A gather loads its lanes one by one; elements narrower than 32 bits have none.
    return width * (1.0 if _bits(access.element) >= 32 else 2.0)


def _scalar_cost(nest: Nest) -> float:
    return len(nest.accesses) + len(list(nest.body.operations))


def _unrolled(nest: Nest, vector: int | None, registers: Registers) -> dict[int, int]:
    """Unroll factors of the parallel loops whose iterations reuse loads of another operand."""
    if not nest.reductions or vector is None or any(map(nest.streamed, nest.outputs)):
        return {}
    # Pooling has an operand that only shows the size of its windows.
    inputs = [a for a in nest.inputs if list(nest.body.arguments[a.operand].uses)]
    reused = [
        dim
        for dim, parallel in enumerate(nest.parallel)
        if parallel
        and dim != vector
        and nest.size(dim) != 1
        and any(not a.uses(dim) for a in inputs)
        and len(inputs) > 1
    ]
    if nest.parallel[vector]:
        # The vector loop itself holds two vectors per row; the rows fill half of the registers.
        return dict.fromkeys(reused[-1:], registers.count // 4)
    side = 4 if registers.count >= 32 else 2
    if len(reused) > 1:
        return dict.fromkeys(reused[-2:], side)
    # Rows of bytes go by at a quarter of the iterations: memory likes few of them at once.
    return dict.fromkeys(reused, 2 if any(_bits(a.element) == 8 for a in nest.inputs) else 4)


def _split(nest: Nest, vector: int | None, threads: int) -> int | None:
    """The loop that threads share.

    In a product without batch loops that is the last parallel loop that is long enough, so that
    every thread reads its own part of the weights; otherwise the first one that gives the threads
    equal parts, or the longest.
    """
    parallel = [dim for dim, is_parallel in enumerate(nest.parallel) if is_parallel]
    if not parallel:
        return None
    sizes = {d: nest.size(d) for d in parallel}
    batch = [d for d in parallel if all(a.uses(d) for a in nest.accesses)]
    if nest.reductions and len(nest.inputs) > 1 and not batch:
        rows = [d for d in parallel if d != vector]
        long = [d for d in rows if (sizes[d] or threads) >= threads]
        return (long or rows or parallel)[-1]
    even = [d for d, n in sizes.items() if n is None or n % threads == 0 or n >= 4 * threads]
    return even[0] if even else max(parallel, key=lambda d: sizes[d] or 0)
