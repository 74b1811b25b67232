"""The kernel of an attention: chunks of K and V in a ring in workgroup memory, all else in
registers.

bring the block's queries; begin the first stages - 1 chunks
for tile of keys from low to high:
  for chunk of K:  arrive; scores += queries * chunk
  weights, factor, maximum, total = scores ...           // gpu_scores.py
  results *= factor
  for chunk of V:  arrive; results += weights * chunk
store results / total                                    // gpu_ending.py

``arrive``: wait until the chunk is there; meet; begin the copy of the one that is stages - 1 later
into the place of the one that all have just left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.gpu_block import Block
from pharos.targets.common.attention.gpu_copies import Form, TileCopy
from pharos.targets.common.attention.gpu_ending import Ending, Partial
from pharos.targets.common.attention.gpu_plan import AttentionPlan
from pharos.targets.common.attention.gpu_ring import Chunk, Ring
from pharos.targets.common.attention.gpu_scores import Scores
from pharos.targets.common.attention.gpu_weights import Weights
from pharos.targets.common.contractions.unit import LEFT, RIGHT, SharedTile, Sums
from pharos.targets.common.loops.meeting import barrier
from pharos.targets.common.nests import index
from pharos.targets.common.nests.lanes import scalar

_MINUS_INFINITY = float("-inf")


@dataclass
class State:
    """What a lane carries from tile to tile: for each of its rows the maximum and the total, for
    each piece of rows the pieces of its results."""

    maxima: list[Any]
    totals: list[Any]
    results: list[list[Sums]]

    def flat(self) -> list[Any]:
        """As loops carry it."""
        sums = [value for row in self.results for piece in row for value in piece]
        return [*self.maxima, *self.totals, *sums]

    def like(self, values: Sequence[Any]) -> State:
        """``values``, what ``flat`` gives, in the form of this one."""
        rest, count = list(values), len(self.maxima)
        maxima, totals, rest = rest[:count], rest[count : 2 * count], rest[2 * count :]
        results: list[list[Sums]] = [
            [[rest.pop(0) for _ in piece] for piece in row] for row in self.results
        ]
        return State(maxima, totals, results)


class KernelWriter:
    """Writes the kernel of ``plan`` at the insertion point.

    ``arguments`` stand for the operands of the attention, ``known`` maps values from outside to
    those inside, ``partial`` is where blocks that share a row's keys leave what they have found.
    """

    def __init__(
        self,
        plan: AttentionPlan,
        arguments: Sequence[Any],
        known: dict[Any, Any],
        partial: Partial | None,
    ) -> None:
        self.plan, self.layouts, self.tiles = plan, plan.layouts, plan.tiles
        self.block = Block(plan, arguments)
        self.lane = self.block.lane
        self.memory = _workgroup(plan)
        self.own = index.mul(self.block.subgroup, index.constant(self.tiles.subgroup_rows))
        self.pieces = self.tiles.subgroup_rows // self.layouts.scores.unit.rows
        self.scores = Scores(self.block, known)
        self.weights = Weights(plan, self.block, self.memory)
        self.ending = Ending(plan, self.block, partial)

    def write(self) -> None:
        """All of it."""
        self.queries = self._queries()
        self.ring = Ring(self.plan, self.block, self.memory)
        state = self._start()
        self.ring.fill()
        block = self.block

        def step(tile: Any, carried: list[Any]) -> list[Any]:
            return self._tile(tile, state.like(carried)).flat()

        found = state.like(index.loop(block.low, block.high, 1, state.flat(), step))
        self.ending.write(found.totals, found.maxima, found.results)

    def _start(self) -> State:
        rows = self.pieces * self.layouts.scores.slots
        count, wide = self.plan.value_chunks
        unit = self.layouts.values.unit
        f32 = mlir.F32Type.get()
        columns = count * wide // unit.columns
        return State(
            [scalar(f32, _MINUS_INFINITY) for _ in range(rows)],
            [scalar(f32, 0) for _ in range(rows)],
            [[unit.zero() for _ in range(columns)] for _ in range(self.pieces)],
        )

    # Queries.

    def _queries(self) -> Any:
        """Bring the queries: where they are, or, if they are kept, the fragments by piece and
        step."""
        unit, plan = self.layouts.scores.unit, self.plan
        count, length = plan.key_chunks
        pitch = count * length + unit.padding(LEFT, True)
        tile = SharedTile(self.memory, index.constant(0), pitch, True)
        form = Form(self.tiles.query_rows, count * length, True, pitch)
        source = self.block.queries()
        copy = TileCopy(source, form, self.block.thread, plan.threads, plan.copies)
        copy.finish(copy.begin(self.block.first_row, 0, tile), tile)
        if copy.copies is not None:
            copy.copies.commit()
            copy.copies.wait(0)
        if not plan.kept:
            return tile  # all meet at the first chunk before anyone reads them
        barrier()
        steps = range(0, count * length, unit.inner)
        found = [self._left(tile, step) for step in steps]
        barrier()
        return found

    def _left(self, tile: SharedTile, step: int) -> list[Any]:
        """The fragments of all pieces of rows at one step."""
        unit = self.layouts.scores.unit
        return unit.fragments(tile, LEFT, self.lane, self.own, index.constant(step), self.pieces)

    # A tile of keys.

    def _tile(self, tile: Any, state: State) -> State:
        count, _ = self.plan.key_chunks
        columns = self.tiles.key_tile // self.layouts.scores.unit.columns
        unit = self.layouts.scores.unit
        sums = [[unit.zero() for _ in range(columns)] for _ in range(self.pieces)]
        for chunk in range(count):
            with self.ring.arrived(tile, chunk) as keys:
                sums = self._products(keys, chunk, sums)
        found = self._softmax(tile, sums, state)
        more, _ = self.plan.value_chunks
        for number in range(more):
            with self.ring.arrived(tile, count + number) as values:
                self._add(values, number, found.results)
        return found

    def _products(self, keys: Chunk, chunk: int, sums: list[list[Sums]]) -> list[list[Sums]]:
        """``sums`` plus the products with a chunk of K."""
        unit = self.layouts.scores.unit
        _, length = self.plan.key_chunks
        for step in range(0, length, unit.inner):
            whole = chunk * length + step
            left = (
                self.queries[whole // unit.inner]
                if self.plan.kept
                else self._left(self.queries, whole)
            )
            at, zero = index.constant(step), index.constant(0)
            right = unit.fragments(keys.tile, RIGHT, self.lane, zero, at, len(sums[0]))
            sums = [
                [unit.multiply(rows, one, before) for one, before in zip(right, own, strict=True)]
                for rows, own in zip(left, sums, strict=True)
            ]
        return sums

    def _softmax(self, tile: Any, sums: list[list[Sums]], state: State) -> State:
        """Weights for the second product; results so far, scaled; new maxima and totals."""
        slots, layout = self.layouts.scores.slots, self.layouts.values
        maxima, totals, results = [], [], []
        for piece, own in enumerate(sums):
            weights, factors = [], []
            for slot in range(piece * slots, (piece + 1) * slots):
                found = self.scores.weighted(
                    tile, own, state.maxima[slot], state.totals[slot], slot
                )
                weights.append(found[0])
                factors.append(found[1])
                maxima.append(found[2])
                totals.append(found[3])
            self.weights.put(piece, weights)
            results.append([layout.scaled(one, factors) for one in state.results[piece]])
        self.weights.meet()
        return State(maxima, totals, results)

    def _add(self, values: Chunk, number: int, results: list[list[Sums]]) -> None:
        """Add the products with a chunk of V to its part of ``results``, in place."""
        unit = self.layouts.values.unit
        _, wide = self.plan.value_chunks
        count, first = wide // unit.columns, number * wide // unit.columns
        for step in range(0, self.tiles.key_tile, unit.inner):
            at, zero = index.constant(step), index.constant(0)
            right = unit.fragments(values.tile, RIGHT, self.lane, zero, at, count)
            for piece, row in enumerate(results):
                left = self.weights.left(piece, step)
                for column, one in enumerate(right, first):
                    row[column] = unit.multiply(left, one, row[column])


def _workgroup(plan: AttentionPlan) -> Any:
    """All workgroup memory as a memref of one dimension."""
    space = "#gpu.address_space<workgroup>"
    bytes_ = mlir.Type.parse(f"memref<?xi8, {space}>")
    dynamic = dialect("gpu").DynamicSharedMemoryOp(bytes_).result
    element = mlir.Type.parse(plan.layouts.scores.unit.factor)
    count = plan.shared_bytes * 8 // element.width
    type_ = mlir.MemRefType.get([count], element, memory_space=mlir.Attribute.parse(space))
    return dialect("memref").view(type_, dynamic, index.constant(0), [])
