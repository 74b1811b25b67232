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

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.cpu.vector_loops import index
from pharos.targets.cpu.vector_loops.body import BodyBuilder, broadcast, combiners
from pharos.targets.cpu.vector_loops.choice import Choice
from pharos.targets.cpu.vector_loops.nest import Access, Nest, expression_uses, trip_count

# Rows of a panel: two vectors wide, 256 rows are 32 KB with AVX-512, which the second-level cache
# holds beside the rows of the other operand.
BLOCK = 256
_NEUTRAL_INT = {"add": 0, "mul": 1, "or": 0, "xor": 0, "and": -1, "maxui": 0, "minui": -1}
_NEUTRAL_FLOAT = {"add": 0.0, "mul": 1.0}


class Kernel:
    """Writes the loops of ``nest``, as ``choice`` says, at the insertion point.

    ``buffers`` are the memrefs of the nest's operands, in order; ``low`` and ``high`` bound the
    split loop. ``prefetch`` is how many elements ahead rows that stream by are asked for.
    """

    def __init__(
        self, nest: Nest, choice: Choice, buffers: Sequence[Any], low: Any, high: Any, prefetch: int
    ) -> None:
        self.nest, self.choice, self.buffers = nest, choice, list(buffers)
        self.prefetch = prefetch
        self.zero = index.constant(0)
        self.bounds = [
            (self.zero, trip_count(nest, dim, self.buffers)) for dim in range(len(nest.parallel))
        ]
        if choice.split is not None:
            self.bounds[choice.split] = (low, high)
        self.factors = [1] * len(nest.parallel)
        self.at: list[Any] = [None] * len(nest.parallel)
        self.mask: Any = None

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
        low, high = self.bounds[dim]
        middle = index.add(low, index.round_down(index.sub(high, low), vectors * width))

        def full(i: Any, _: list[Any]) -> list[Any]:
            self.at[dim] = i
            self.factors[dim] = vectors
            self._parallel(rest)
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

    def _tile(self) -> None:
        """One register tile: load the outputs, run the reduction loops, store the outputs."""
        if self.choice.vector is not None and not self.nest.parallel[self.choice.vector]:
            self._reduce_vectors()
            return
        masked = self.mask
        tile = self._offsets(d for d in range(len(self.factors)) if self.nest.parallel[d])
        carried = [
            self._load(access, offset, masked) for offset in tile for access in self.nest.outputs
        ]
        results = self._reductions(list(self.nest.reductions), tile, carried, masked)
        count = len(self.nest.outputs)
        for number, offset in enumerate(tile):
            for k, access in enumerate(self.nest.outputs):
                self._store(access, offset, results[number * count + k], masked)

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
        lanes = [
            self._neutral(join.kind, access.element)
            for _ in tile
            for join, access in zip(joins, self.nest.outputs, strict=True)
        ]
        # `vectors` partial results per output: independent chains cover the add's latency.
        partial = self._vector_reductions(
            [d for d in self.nest.reductions if d != self.choice.vector],
            tile,
            lanes * vectors,
            vectors,
        )
        count = len(lanes)
        arith = dialect("arith")
        for k in range(1, vectors):
            for n in range(count):
                name = joins[n % len(joins)].operation.split(".")[1]
                partial[n] = getattr(arith, name)(partial[n], partial[k * count + n])
        for number, offset in enumerate(tile):
            for k, (join, access) in enumerate(zip(joins, self.nest.outputs, strict=True)):
                whole = _reduction(access.element, join.kind, partial[number * len(joins) + k])
                before = self._load(access, offset, None)
                value = getattr(arith, join.operation.split(".")[1])(before, whole)
                self._store(access, offset, value, None)

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
        middle = index.add(low, index.round_down(index.sub(high, low), width * vectors))
        count = len(carried) // vectors

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
        return index.loop(middle, high, width, carried, partial)

    def _compute(self, tile: list[dict[int, int]], carried: list[Any], mask: Any) -> list[Any]:
        """The body on every element of the tile; loads that elements share are made once."""
        loaded: dict[tuple[Any, ...], Any] = {}
        count = len(self.nest.outputs)
        vector = self.choice.vector
        results = []
        for number, offset in enumerate(tile):
            arguments = []
            for access in self.nest.inputs:
                key = (access.operand, *((d, o) for d, o in offset.items() if access.uses(d)))
                if key not in loaded:
                    loaded[key] = self._load(access, offset, mask)
                arguments.append(loaded[key])
            arguments += carried[number * count : (number + 1) * count]
            values = BodyBuilder(self.nest, self.choice.width).build(
                arguments, lambda dim, offset=offset: self._loop_value(dim, offset)
            )
            if vector is not None:
                values = [broadcast(v, self.choice.width) for v in values]
            results += values
        return results

    def _offsets(self, dims: Any) -> list[dict[int, int]]:
        """The elements of the register tile, as an offset for each unrolled loop."""
        dims = list(dims)
        vector, width = self.choice.vector, self.choice.width
        ranges = [
            range(0, self.factors[d] * width, width) if d == vector else range(self.factors[d])
            for d in dims
        ]
        return [dict(zip(dims, offset, strict=True)) for offset in itertools.product(*ranges)]

    def _position(self, dim: int, offset: dict[int, int]) -> Any:
        step = offset.get(dim, 0)
        return index.add(self.at[dim], index.constant(step)) if step else self.at[dim]

    def _loop_value(self, dim: int, offset: dict[int, int]) -> Any:
        position = self._position(dim, offset)
        if dim != self.choice.vector:
            return position
        type_ = mlir.VectorType.get([self.choice.width], mlir.IndexType.get())
        lanes = dialect("vector").step(type_)
        return dialect("arith").addi(broadcast(position, self.choice.width), lanes)

    def _mask(self, remaining: Any) -> Any:
        type_ = mlir.VectorType.get([self.choice.width], mlir.IntegerType.get_signless(1))
        return dialect("vector").create_mask(type_, [remaining])

    def _indices(self, access: Access, offset: dict[int, int]) -> list[Any]:
        count = len(self.at)
        indices = []
        for expression in access.indices:
            # Loops that the expression does not mention may not be open here.
            positions = [
                self._position(d, offset) if expression_uses(expression, d) else self.zero
                for d in range(count)
            ]
            if isinstance(expression, mlir.AffineDimExpr):
                indices.append(positions[expression.position])
            elif isinstance(expression, mlir.AffineConstantExpr):
                indices.append(index.constant(expression.value))
            else:
                map_ = mlir.AffineMap.get(count, 0, [expression])
                indices.append(dialect("affine").apply(map_, positions))
        return indices

    def _load(self, access: Access, offset: dict[int, int], mask: Any) -> Any:
        buffer, indices = self.buffers[access.operand], self._indices(access, offset)
        vector = self.choice.vector
        if vector is None or not access.uses(vector):
            return dialect("memref").load(buffer, indices)
        type_ = mlir.VectorType.get([self.choice.width], access.element)
        if mask is None:
            return dialect("vector").load(type_, buffer, indices)
        zero = _splat(type_, 0)
        return dialect("vector").maskedload(type_, buffer, indices, mask, zero)

    def _store(self, access: Access, offset: dict[int, int], value: Any, mask: Any) -> None:
        buffer, indices = self.buffers[access.operand], self._indices(access, offset)
        if not isinstance(value.type, mlir.VectorType):
            dialect("memref").store(value, buffer, indices)
        elif mask is None:
            dialect("vector").store(value, buffer, indices)
        else:
            dialect("vector").maskedstore(buffer, indices, mask, value)

    def _prefetch(self, tile: list[dict[int, int]]) -> None:
        """Ask for rows that the tile reads once (weights), ahead of the loop.

        The hardware's prefetcher loses a row at its end, and follows few rows at a time.
        Addresses past the end of a row or of the buffer are harmless in a prefetch.
        """
        vector = self.choice.vector
        if not self.prefetch or vector is None or not self.choice.unroll or len(tile) > 4:
            return
        for access in self.nest.inputs:
            streams = [d for d in self.choice.unroll if self.factors[d] > 1 and access.uses(d)]
            if not streams or not access.uses(vector):
                continue
            for offset in tile:
                indices = self._indices(access, offset)
                ahead = index.constant(self.prefetch)
                indices[-1] = dialect("arith").addi(indices[-1], ahead)
                dialect("memref").prefetch(self.buffers[access.operand], indices, False, 3, True)

    def _neutral(self, kind: str, element: Any) -> Any:
        type_ = mlir.VectorType.get([self.choice.width], element)
        if isinstance(element, mlir.FloatType):
            value = _NEUTRAL_FLOAT.get(kind)
            if value is None:
                value = float("-inf") if kind.startswith("max") else float("inf")
            return _splat(type_, value)
        width = mlir.IntegerType(element).width
        extremes = {"maxsi": -(1 << (width - 1)), "minsi": (1 << (width - 1)) - 1}
        return _splat(type_, extremes.get(kind, _NEUTRAL_INT.get(kind, 0)))


def _splat(type_: Any, value: float) -> Any:
    element = type_.element_type
    if isinstance(element, (mlir.IntegerType, mlir.IndexType)):
        attribute = mlir.IntegerAttr.get(element, int(value))
    else:
        attribute = mlir.FloatAttr.get(element, float(value))
    splat = mlir.DenseElementsAttr.get_splat(type_, attribute)
    return dialect("arith").ConstantOp(type_, splat).result


def _reduction(element: Any, kind: str, lanes: Any) -> Any:
    """All lanes joined into one; float sums and products in any order (a tree)."""
    vector = dialect("vector")
    attribute = mlir.Attribute.parse(f"#vector.kind<{kind}>")
    reassociate = mlir.Attribute.parse("#arith.fastmath<reassoc>")
    return vector.ReductionOp(element, attribute, lanes, fastmath=reassociate).result
