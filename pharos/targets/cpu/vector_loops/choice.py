"""Which loop becomes vectors, which are unrolled into registers, which is split over threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.cpu.vector_loops.body import can_vectorize, combiners
from pharos.targets.cpu.vector_loops.nest import Nest


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
    ``split`` is the parallel loop that threads share, None when there is no parallel loop.
    """

    vector: int | None
    width: int
    unroll: dict[int, int]
    split: int | None
    registers: Registers

    def vectors(self, rows: int) -> int:
        """Vectors per step of a parallel vector loop when ``rows`` iterations are unrolled.

        The results of a tile fill half of the registers.
        """
        return max(1, min(4, self.registers.count // 2 // rows))

    def chains(self, results: int) -> int:
        """Independent partial results per result of a tile, when vectors run along a reduction.

        Together they cover the latency of the arithmetic: 4 cycles on 2 units.
        """
        return max(1, min(4, self.registers.count // 4 // results))


def choose(nest: Nest, registers: Registers) -> Choice:
    """Decisions for ``nest`` from its access patterns; see ``Choice``."""
    width = registers.bits // _widest(nest)
    vector = _vector_loop(nest) if width > 1 else None
    unroll = _unrolled(nest, vector, registers)
    lanes = width if vector is not None else 1
    return Choice(vector, lanes, unroll, _split(nest, vector), registers)


def _widest(nest: Nest) -> int:
    """Bits of the widest element among the operands and the values of the body."""
    types = [access.element for access in nest.accesses]
    types += [r.type for op in nest.body.operations for r in op.operation.results]
    return max((_bits(t) for t in types), default=64)


def _bits(type_: Any) -> int:
    if isinstance(type_, mlir.IndexType):
        return 64
    return int(type_.width) if hasattr(type_, "width") else 64


def _vector_loop(nest: Nest) -> int | None:
    """The innermost loop along which every operand is contiguous or constant, parallel first."""
    if not can_vectorize(nest) or any(_bits(a.element) == 1 for a in nest.accesses):
        return None
    candidates = []
    for dim, parallel in enumerate(nest.parallel):
        moving = [a for a in nest.accesses if a.uses(dim)]
        if not moving or not all(a.contiguous(dim) for a in moving):
            continue
        written = all(a.uses(dim) for a in nest.outputs)
        if written if parallel else combiners(nest) is not None:
            candidates.append((parallel, len(moving), dim))
    return max(candidates)[2] if candidates else None


def _unrolled(nest: Nest, vector: int | None, registers: Registers) -> dict[int, int]:
    """Unroll factors of the parallel loops whose iterations reuse loads of another operand."""
    if not nest.reductions or vector is None:
        return {}
    reused = [
        dim
        for dim, parallel in enumerate(nest.parallel)
        if parallel
        and dim != vector
        and any(not a.uses(dim) for a in nest.inputs)
        and len(nest.inputs) > 1
    ]
    if nest.parallel[vector]:
        # The vector loop itself holds two vectors per row; the rows fill half of the registers.
        return dict.fromkeys(reused[-1:], registers.count // 4)
    side = 4 if registers.count >= 32 else 2
    return dict.fromkeys(reused[-2:], side) if len(reused) > 1 else dict.fromkeys(reused, 4)


def _split(nest: Nest, vector: int | None) -> int | None:
    """The loop that threads share.

    In a product without batch loops that is the last parallel loop, so that every thread reads
    its own part of the weights; otherwise the first.
    """
    parallel = [dim for dim, is_parallel in enumerate(nest.parallel) if is_parallel]
    if not parallel:
        return None
    batch = [d for d in parallel if all(a.uses(d) for a in nest.accesses)]
    if nest.reductions and len(nest.inputs) > 1 and not batch:
        rows = [d for d in parallel if d != vector]
        return rows[-1] if rows else parallel[-1]
    return parallel[0]
