"""The loops of one kernel: a function over a range of the split loop.

For a product ``y[t,o] += x[t,c] * w[o,c]`` with vectors along c and t, o unrolled by 2::

    func @kernel(lo, hi, x, w, y):              // hi - lo rows of o
      for o in lo..hi step 2:                   // then the remainder, step 1
        for t in 0..T step 2:                   // then the remainder, step 1
          acc[2][2] = 0
          for c in 0..C step W: acc[i][j] += x[t+i, c:c+W] * w[o+j, c:c+W]   // then one masked step
          y[t+i, o+j] += reduce(acc[i][j])
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import BodyBuilder, broadcast, combiners, scanned
from pharos.targets.common.nests.lanes import (
    combine,
    joined,
    last,
    neutral,
    prefix,
    scalar,
    shifted,
    splat,
)
from pharos.targets.common.nests.nest import Access, Nest, trip_count
from pharos.targets.cpu.vector_loops.choice import Choice
from pharos.targets.cpu.vector_loops.memory import Memory
from pharos.targets.cpu.vector_loops.streams import streamed
from pharos.targets.cpu.vector_loops.wide_sums import WideSums, sums_f32

# Bytes of a matrix are asked for this many times as far ahead as longer elements are, in elements.
_BYTES_AHEAD = 6
# Rows of a panel: two vectors wide, 256 rows are 32 KB with AVX-512, which the second-level cache
# holds beside the rows of the other operand.
BLOCK = 256


class Kernel:
    """Writes the loops of ``nest``, as ``choice`` says, at the insertion point.

    ``buffers`` are the memrefs of the nest's operands, in order; ``low`` and ``high`` bound the
    split loop. ``prefetch`` is how many elements ahead rows that stream by are asked for. Operands
    in ``local`` hold only the iterations of loop 0, the split loop, from ``low`` on.
    """

    def __init__(
        self,
        nest: Nest,
        choice: Choice,
        buffers: Sequence[Any],
        low: Any,
        high: Any,
        prefetch: int,
        local: frozenset[int] = frozenset(),
    ) -> None:
        self.nest, self.choice, self.buffers = nest, choice, list(buffers)
        self.first_block: Any = None
        self.prefetch = prefetch
        self.local = local
        first = dict.fromkeys(local, low)
        self.memory = Memory(buffers, len(nest.parallel), choice.vector, choice.width, first)
        self.carried = [a for a in nest.outputs if not nest.streamed(a)]
        self.zero = index.constant(0)
        self.bounds = [
            (self.zero, trip_count(nest, dim, self.buffers)) for dim in range(len(nest.parallel))
        ]
        if choice.split is not None:
            self.bounds[choice.split] = (low, high)
        self.factors = [1] * len(nest.parallel)
        self.at: list[Any] = [None] * len(nest.parallel)
        self.mask: Any = None
        self.held: dict[tuple[Any, ...], Any] = {}

    def write(self) -> None:
        """Write all loops."""
        vector, unroll = self.choice.vector, self.choice.unroll
        parallel = [d for d, is_parallel in enumerate(self.nest.parallel) if is_parallel]
        if not self._is_panel_product():
            # The split loop is outermost, so that what it reads stays in cache for the others;
            # the vector loop is innermost.
            order = sorted(parallel, key=lambda d: (d == vector, d != self.choice.split, d))
            self._parallel(order)
            return
        # The right-hand side is read in panels of a few vectors. A panel of BLOCK rows stays in
        # cache while all rows of the left-hand side pass by.
        outer = [d for d in parallel if d != vector and d not in unroll]
        inner = [d for d in (vector, *unroll) if d is not None]
        self._parallel(outer, then=lambda: self._blocked(inner))

    def _is_panel_product(self) -> bool:
        """Whether vectors run along a parallel loop of a product."""
        vector = self.choice.vector
        return vector is not None and self.nest.parallel[vector] and bool(self.choice.unroll)

    def _blocked(self, order: list[int]) -> None:
        """The loops of ``order`` for each block of the innermost reduction loop."""
        dim = self.nest.reductions[-1]
        low, high = self.bounds[dim]

        def body(i: Any, _: list[Any]) -> list[Any]:
            self.bounds[dim] = (i, index.minimum(index.add(i, index.constant(BLOCK)), high))
            arith = dialect("arith")
            self.first_block = arith.cmpi(arith.CmpIPredicate.eq, i, low)
            self._parallel(order)
            return []

        index.loop(low, high, BLOCK, [], body)

    def _parallel(self, order: list[int], then: Callable[[], None] | None = None) -> None:
        """The parallel loops of ``order``, outermost first, around ``then`` (default: a tile)."""
        if not order:
            (then or self._tile)()
            return
        dim, rest = order[0], order[1:]
        if dim == self.choice.vector:
            self._vector_parallel(dim, rest)
            return
        factor = self.choice.unroll.get(dim, 1)
        low, high = self.bounds[dim]
        middle = index.add(low, index.round_down(index.sub(high, low), factor))

        def body(i: Any, _: list[Any]) -> list[Any]:
            self.at[dim] = i
            self._parallel(rest, then)
            return []

        self.factors[dim] = factor
        index.loop(low, middle, factor, [], body)
        if factor > 1:
            self.factors[dim] = 1
            index.loop(middle, high, 1, [], body)

    def _vector_parallel(self, dim: int, rest: list[int]) -> None:
        """Vectors along a parallel loop: several at a time, then one masked at a time."""
        rows = math.prod(self.choice.unroll[d] for d in rest)
        vectors = self.choice.vectors(rows) if self.nest.reductions else 1
        width = self.choice.width
        streams = [s for s in streamed(self.nest, dim) if s[0].operand not in self.local]
        low, high = self.bounds[dim]
        middle = self._end_of_full(low, high, vectors * width)
        if not rest and not self.nest.reductions:
            self._hold(self._offsets(d for d in range(len(self.factors)) if d != dim))

        def full(i: Any, _: list[Any]) -> list[Any]:
            self.at[dim] = i
            self.factors[dim] = vectors
            self._parallel(rest)
            if not rest and streams:
                self.memory.ask_ahead(streams, functools.partial(self._position, {}))
            return []

        def partial(i: Any, _: list[Any]) -> list[Any]:
            self.at[dim] = i
            self.factors[dim] = 1
            self.mask = self._mask(index.sub(high, i))
            self._parallel(rest)
            self.mask = None
            return []

        index.loop(low, middle, vectors * width, [], full)
        index.loop(middle, high, width, [], partial)
        self.held = {}

    def _hold(self, tile: list[dict[int, int]]) -> None:
        """Load now, before the loop over vectors, what is the same in all of its iterations.

        For all that LLVM knows, a store of the loop might change it.
        """
        for offset in tile:
            for access in self.nest.inputs:
                key = _key(access, offset)
                if not access.uses(self.choice.vector or 0) and key not in self.held:
                    self.held[key] = self._load(access, offset, None)

    def _tile(self) -> None:
        """One register tile: load the outputs, run the reduction loops, store the outputs."""
        if self.choice.vector is not None and not self.nest.parallel[self.choice.vector]:
            if len(self.carried) < len(self.nest.outputs):
                self._scan()
            else:
                self._reduce_vectors()
            return
        masked = self.mask
        tile = self._offsets(d for d in range(len(self.factors)) if self.nest.parallel[d])
        carried = [
            self._before(access, offset, masked) for offset in tile for access in self.carried
        ]
        dims = list(self.nest.reductions)
        results = self._long_sums(
            dims, carried, 1, lambda inside, zeros: self._reductions(inside, tile, zeros, masked)
        )
        if results is None:
            results = self._reductions(dims, tile, carried, masked)
        else:
            results = [
                combine("arith.addf", before, dialect("arith").truncf(before.type, wide))
                for before, wide in zip(carried, results, strict=True)
            ]
        count = len(self.carried)
        for number, offset in enumerate(tile):
            for k, access in enumerate(self.carried):
                self._store(access, offset, results[number * count + k], masked)

    def _long_sums(
        self,
        dims: list[int],
        carried: list[Any],
        step: int,
        narrow: Callable[[list[int], list[Any]], list[Any]],
    ) -> list[Any] | None:
        """What the loops ``dims`` add up, in f64, see ``wide_sums``; None where that is few steps
        or no sum. ``narrow(dims, zeros)`` writes the loops, between some bounds, in f32."""
        wide = WideSums(self.nest, self.choice, self.bounds, self.at, step)
        if not sums_f32(self.nest, self.choice) or not wide.long(dims):
            return None
        kinds = [value.type for value in carried]
        zeros = [
            splat(kind, 0.0) if isinstance(kind, mlir.VectorType) else scalar(kind, 0.0)
            for kind in kinds
        ]
        return wide.write(dims, lambda inside: narrow(inside, zeros), kinds)

    def _reductions(
        self, dims: list[int], tile: list[dict[int, int]], carried: list[Any], masked: Any
    ) -> list[Any]:
        if not dims:
            return self._compute(tile, carried, masked)
        low, high = self.bounds[dims[0]]

        def body(i: Any, values: list[Any]) -> list[Any]:
            self.at[dims[0]] = i
            return self._reductions(dims[1:], tile, values, masked)

        return index.loop(low, high, 1, carried, body)

    def _reduce_vectors(self) -> None:
        """Vectors along a reduction loop: partial results per lane, joined at the end."""
        joins = combiners(self.nest) or []
        tile = self._offsets(d for d in range(len(self.factors)) if self.nest.parallel[d])
        vectors = self.choice.chains(len(tile))
        neutrals = [
            self._neutral(join.kind, access.element)
            for _ in tile
            for join, access in zip(joins, self.nest.outputs, strict=True)
        ]

        def chains(dims: list[int], neutral: list[Any]) -> list[Any]:
            # `vectors` partial results per output: independent chains cover the add's latency.
            outer = [d for d in dims if d != self.choice.vector]
            found = self._vector_reductions(outer, tile, neutral * vectors, vectors)
            for k in range(1, vectors):
                for n in range(len(neutral)):
                    name = joins[n % len(joins)].operation
                    found[n] = combine(name, found[n], found[k * len(neutral) + n])
            return found[: len(neutral)]

        # The loop that vectors run along is the innermost one.
        dims = sorted(self.nest.reductions, key=lambda d: d == self.choice.vector)
        partial = self._long_sums(dims, neutrals, vectors * self.choice.width, chains)
        if partial is None:
            partial = chains(dims, neutrals)
        for number, offset in enumerate(tile):
            for k, (join, access) in enumerate(zip(joins, self.nest.outputs, strict=True)):
                lanes = partial[number * len(joins) + k]
                whole = joined(lanes.type.element_type, join.kind, lanes)
                if whole.type != access.element:
                    whole = dialect("arith").truncf(access.element, whole)
                before = self._before(access, offset, None)
                self._store(access, offset, combine(join.operation, before, whole), None)

    def _vector_reductions(
        self, dims: list[int], tile: list[dict[int, int]], carried: list[Any], vectors: int
    ) -> list[Any]:
        vector, width = self.choice.vector, self.choice.width
        assert vector is not None
        if dims:
            low, high = self.bounds[dims[0]]

            def outer(i: Any, values: list[Any]) -> list[Any]:
                self.at[dims[0]] = i
                return self._vector_reductions(dims[1:], tile, values, vectors)

            return index.loop(low, high, 1, carried, outer)
        low, high = self.bounds[vector]
        middle = self._end_of_full(low, high, width * vectors)
        count = len(carried) // vectors
        self._hold(tile)

        def full(i: Any, values: list[Any]) -> list[Any]:
            results = []
            for k in range(vectors):
                self.at[vector] = index.add(i, index.constant(k * width))
                results += self._compute(tile, values[k * count : (k + 1) * count], None)
            self.at[vector] = i
            self._prefetch(tile)
            return results

        def partial(i: Any, values: list[Any]) -> list[Any]:
            self.at[vector] = i
            mask = self._mask(index.sub(high, i))
            new = self._compute(tile, values[:count], mask)
            select = dialect("arith").select
            joined = [select(mask, n, v) for n, v in zip(new, values[:count], strict=True)]
            return joined + values[count:]

        carried = index.loop(low, middle, width * vectors, carried, full)
        carried = index.loop(middle, high, width, carried, partial)
        self.held = {}
        return carried

    def _compute(self, tile: list[dict[int, int]], carried: list[Any], mask: Any) -> list[Any]:
        """The body on every element of the tile: what is carried on.

        Loads that elements share are made once; streamed outputs are stored.
        """
        loaded = dict(self.held)
        count = len(self.carried)
        results = []
        for number, offset in enumerate(tile):
            arguments = []
            for access in self.nest.inputs:
                key = _key(access, offset)
                if key not in loaded:
                    loaded[key] = self._load(access, offset, mask)
                arguments.append(loaded[key])
            before = carried[number * count : (number + 1) * count]
            values = self._body(arguments, before, offset)
            for access, value in zip(self.nest.outputs, values, strict=True):
                if access in self.carried:
                    results.append(value)
                else:
                    self._store(access, offset, value, mask)
        return results

    def _body(self, inputs: list[Any], carried: list[Any], offset: dict[int, int]) -> list[Any]:
        """What the body yields, as vectors where there is a vector loop."""
        before = iter(carried)
        # Nothing reads the old value of a streamed output; any number will do.
        outputs = [
            next(before) if access in self.carried else scalar(access.element, 0)
            for access in self.nest.outputs
        ]
        values = BodyBuilder(self.nest, self.choice.width).build(
            inputs + outputs, functools.partial(self._loop_value, offset)
        )
        if self.choice.vector is None:
            return values
        return [broadcast(v, self.choice.width) for v in values]

    def _scan(self) -> None:
        """Vectors along a scan: each is joined with the lanes before it, and with ``carry``."""
        joins, listed = combiners(self.nest) or [], scanned(self.nest) or []
        vector, width = self.choice.vector, self.choice.width
        assert vector is not None
        offset: dict[int, int] = {}
        rest = [
            self._neutral(join.kind, access.element)
            for join, access in zip(joins, self.carried, strict=True)
        ]
        streams = [access for access in self.nest.outputs if access not in self.carried]

        def step(i: Any, carry: list[Any], mask: Any) -> list[Any]:
            self.at[vector] = i
            inputs = [self._load(access, offset, mask) for access in self.nest.inputs]
            values = self._body(inputs, rest, offset)
            terms = [v for v, a in zip(values, self.nest.outputs, strict=True) if a in self.carried]
            if mask is not None:
                select = dialect("arith").select
                terms = [select(mask, t, r) for t, r in zip(terms, rest, strict=True)]
            sums = [
                prefix(join.operation, term, r)
                for join, term, r in zip(joins, terms, rest, strict=True)
            ]
            for access, (k, inclusive) in zip(streams, listed, strict=True):
                own = sums[k] if inclusive else shifted(rest[k], sums[k])
                self._store(access, offset, combine(joins[k].operation, carry[k], own), mask)
            return [
                combine(join.operation, c, last(s))
                for join, c, s in zip(joins, carry, sums, strict=True)
            ]

        carry = [broadcast(self._before(access, offset, None), width) for access in self.carried]
        low, high = self.bounds[vector]
        middle = self._end_of_full(low, high, width)
        carry = index.loop(low, middle, width, carry, lambda i, c: step(i, c, None))
        carry = index.loop(
            middle, high, width, carry, lambda i, c: step(i, c, self._mask(index.sub(high, i)))
        )
        for access, value in zip(self.carried, carry, strict=True):
            self._store(access, offset, dialect("vector").extract(value, [], [0]), None)

    def _offsets(self, dims: Any) -> list[dict[int, int]]:
        """The elements of the register tile, as an offset for each unrolled loop."""
        dims = list(dims)
        vector, width = self.choice.vector, self.choice.width
        ranges = [
            range(0, self.factors[d] * width, width) if d == vector else range(self.factors[d])
            for d in dims
        ]
        return [dict(zip(dims, offset, strict=True)) for offset in itertools.product(*ranges)]

    def _position(self, offset: dict[int, int], dim: int) -> Any:
        step = offset.get(dim, 0)
        return index.add(self.at[dim], index.constant(step)) if step else self.at[dim]

    def _loop_value(self, offset: dict[int, int], dim: int) -> Any:
        position = self._position(offset, dim)
        if dim != self.choice.vector:
            return position
        type_ = mlir.VectorType.get([self.choice.width], mlir.IndexType.get())
        lanes = dialect("vector").step(type_)
        return dialect("arith").addi(broadcast(position, self.choice.width), lanes)

    def _end_of_full(self, low: Any, high: Any, step: int) -> Any:
        """Where the steps of whole vectors along the vector loop end and masked ones begin."""
        count = index.sub(high, low)
        if self.choice.vector is not None and any(
            access.stride(self.choice.vector) == 2 for access in self.nest.accesses
        ):
            # Such loads read one element too far, so the last iteration is left to a mask.
            count = dialect("arith").maxsi(index.sub(count, index.constant(1)), self.zero)
        return index.add(low, index.round_down(count, step))

    def _mask(self, remaining: Any) -> Any:
        return self.memory.mask(remaining)

    def _before(self, access: Access, offset: dict[int, int], mask: Any) -> Any:
        """What a carried output starts with: the number it was filled with, or what it holds."""
        start = self.nest.start.get(access.operand)
        if start is None:
            return self._load(access, offset, mask)
        vector = self.choice.vector
        if vector is not None and access.uses(vector):
            start = broadcast(start, self.choice.width)
        if self.first_block is None:
            return start
        held = self._load(access, offset, mask)
        return dialect("arith").select(self.first_block, start, held)

    def _load(self, access: Access, offset: dict[int, int], mask: Any) -> Any:
        return self.memory.load(access, functools.partial(self._position, offset), mask)

    def _store(self, access: Access, offset: dict[int, int], value: Any, mask: Any) -> None:
        self.memory.store(access, functools.partial(self._position, offset), value, mask)

    def _prefetch(self, tile: list[dict[int, int]]) -> None:
        """Ask for rows that the tile reads once (weights), ahead of the loop.

        The hardware's prefetcher loses a row at its end, and follows few rows at a time; with
        elements of 32 bits it keeps up. Addresses past the end of a row or of the buffer are
        harmless in a prefetch.
        """
        vector = self.choice.vector
        if not self.prefetch or vector is None or not self.choice.unroll or len(tile) > 4:
            return
        for access in self.nest.inputs:
            streams = [d for d in self.choice.unroll if self.factors[d] > 1 and access.uses(d)]
            if not streams or not access.uses(vector) or access.element.width >= 32:
                continue
            for offset in tile:
                position = functools.partial(self._position, offset)
                indices = self.memory.indices(access, position)
                times = _BYTES_AHEAD if access.element.width == 8 else 1
                ahead = index.constant(times * self.prefetch)
                indices[-1] = dialect("arith").addi(indices[-1], ahead)
                dialect("memref").prefetch(self.buffers[access.operand], indices, False, 3, True)

    def _neutral(self, kind: str, element: Any) -> Any:
        type_ = mlir.VectorType.get([self.choice.width], element)
        return splat(type_, neutral(kind, element))


def _key(access: Access, offset: dict[int, int]) -> tuple[Any, ...]:
    """What an element of a register tile that ``access`` reaches has in common with others."""
    return (access.operand, *((d, o) for d, o in offset.items() if access.uses(d)))
