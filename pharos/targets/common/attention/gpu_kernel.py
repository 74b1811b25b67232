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

from collections.abc import Callable, Sequence
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

Step = Callable[[Any, list[Any]], list[Any]]
"""From the first of an instruction's steps (an index value) and the sums before to those after."""


@dataclass
class State:
    """What a lane carries from tile to tile: for each of its rows the maximum and the total, for
    each piece of rows the pieces of its results."""

    maxima: list[Any]
    totals: list[Any]
    results: list[list[Sums]]

    def flat(self) -> list[Any]:
        """As loops carry it."""
        return [*self.maxima, *self.totals, *_Pieces.flat(self.results)]

    def like(self, values: Sequence[Any]) -> State:
        """``values``, what ``flat`` gives, in the form of this one."""
        count = len(self.maxima)
        results = _Pieces(self.results).like(values[2 * count :])
        return State(list(values[:count]), list(values[count : 2 * count]), results)


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
        spare = plan.elements(plan.spare_at)
        copy = TileCopy(source, form, self.block.thread, plan.threads, plan.copies, spare)
        copy.finish(copy.begin(self.block.first_row, 0, tile), tile)
        if copy.copies is not None:
            copy.copies.commit()
            copy.copies.wait(0)
        if not plan.kept:
            return tile  # all meet at the first chunk before anyone reads them
        barrier()
        steps = range(0, count * length, unit.inner)
        found = [self._left(tile, index.constant(step)) for step in steps]
        barrier()
        return found

    def _left(self, tile: SharedTile, step: Any) -> list[Any]:
        """The fragments of all pieces of rows at one step."""
        unit = self.layouts.scores.unit
        return unit.fragments(tile, LEFT, self.lane, self.own, step, self.pieces)

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
        unit, form = self.layouts.scores.unit, _Pieces(sums)
        _, length = self.plan.key_chunks

        def step(at: Any, carried: list[Any]) -> list[Any]:
            left = self._row_fragments(index.add(at, index.constant(chunk * length)))
            zero, count = index.constant(0), len(sums[0])
            right = unit.fragments(keys.tile, RIGHT, self.lane, zero, at, count)
            rows = zip(left, form.like(carried), strict=True)
            return form.flat(
                [
                    [unit.multiply(one, other, s) for other, s in zip(right, own, strict=True)]
                    for one, own in rows
                ]
            )

        rolled = not self.plan.kept
        return form.like(_steps(length, unit.inner, rolled, form.flat(sums), step))

    def _row_fragments(self, at: Any) -> list[Any]:
        """The left fragments of the queries at the step ``at`` of the whole head."""
        if not self.plan.kept:
            return self._left(self.queries, at)
        number = index.known(at)
        assert number is not None
        found: list[Any] = self.queries[number // self.layouts.scores.unit.inner]
        return found

    def _softmax(self, tile: Any, sums: list[list[Sums]], state: State) -> State:
        """Weights for the second product; results so far, scaled; new maxima and totals."""
        slots, layout = self.layouts.scores.slots, self.layouts.values
        maxima, totals, results = [], [], []
        for piece, own in enumerate(sums):
            weights, factors = [], []
            scores = self.scores.of_piece(tile, own, piece)
            for slot, one in enumerate(scores, piece * slots):
                found = self.scores.weighted(one, state.maxima[slot], state.totals[slot])
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
        count = wide // unit.columns
        part = slice(number * count, (number + 1) * count)
        own = [row[part] for row in results]
        form = _Pieces(own)

        def step(at: Any, carried: list[Any]) -> list[Any]:
            zero = index.constant(0)
            right = unit.fragments(values.tile, RIGHT, self.lane, zero, at, count)
            found = []
            for piece, row in enumerate(form.like(carried)):
                left = self.weights.left(piece, at)
                found.append([unit.multiply(left, r, s) for r, s in zip(right, row, strict=True)])
            return form.flat(found)

        rolled = not self.layouts.numbers.relays
        done = _steps(self.tiles.key_tile, unit.inner, rolled, form.flat(own), step)
        for row, new in zip(results, form.like(done), strict=True):
            row[part] = new


def _steps(length: int, by: int, rolled: bool, carried: list[Any], step: Step) -> list[Any]:
    """``step`` for each instruction of ``length`` steps: in a loop, which keeps few fragments in
    registers, or, where a fragment is chosen by a known number, one after the other."""
    if rolled:
        return index.loop(index.constant(0), index.constant(length), by, carried, step)
    for at in range(0, length, by):
        carried = list(step(index.constant(at), carried))
    return carried


class _Pieces:
    """Rows of pieces of sums as one list of values, and back."""

    def __init__(self, sums: list[list[Sums]]) -> None:
        self._lengths = [[len(piece) for piece in row] for row in sums]

    @staticmethod
    def flat(sums: list[list[Sums]]) -> list[Any]:
        """As loops carry it."""
        return [value for row in sums for piece in row for value in piece]

    def like(self, values: Sequence[Any]) -> list[list[Sums]]:
        """What ``flat`` gave, in rows of pieces again."""
        rest = iter(values)
        return [[[next(rest) for _ in range(n)] for n in row] for row in self._lengths]


def _workgroup(plan: AttentionPlan) -> Any:
    """All workgroup memory as a memref of one dimension."""
    space = "#gpu.address_space<workgroup>"
    bytes_ = mlir.Type.parse(f"memref<?xi8, {space}>")
    dynamic = dialect("gpu").DynamicSharedMemoryOp(bytes_).result
    element = mlir.Type.parse(plan.layouts.scores.unit.factor)
    count = plan.shared_bytes * 8 // element.width
    type_ = mlir.MemRefType.get([count], element, memory_space=mlir.Attribute.parse(space))
    return dialect("memref").view(type_, dynamic, index.constant(0), [])
