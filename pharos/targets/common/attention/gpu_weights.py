"""Weights on their way from the first product's sums to the second one's left fragments.

Where a lane has just the elements of its fragments, they stay in registers; else each subgroup puts
its own into workgroup memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.gpu_block import Block
from pharos.targets.common.attention.gpu_plan import AttentionPlan
from pharos.targets.common.attention.gpu_rows import element
from pharos.targets.common.contractions.unit import LEFT, Fragment, SharedTile
from pharos.targets.common.loops.meeting import barrier
from pharos.targets.common.nests import index


class Weights:
    """The weights of the tile of keys that a subgroup works on."""

    def __init__(self, plan: AttentionPlan, block: Block, memory: Any) -> None:
        self.plan, self.block, self.memory = plan, block, memory
        self.layout = plan.layouts.scores
        self.factor = mlir.Type.parse(self.layout.unit.factor)
        self.kept: dict[int, list[Fragment]] = {}

    def put(self, piece: int, weights: Sequence[Any]) -> None:
        """The weights of a piece of rows: a vector of f32 for each row of a lane."""
        narrow = [self._narrowed(one) for one in weights]
        if self.plan.layouts.numbers.relays:
            found = self.layout.relaid(narrow)
            assert found is not None
            self.kept[piece] = found
        else:
            self._store(piece, narrow)

    def _narrowed(self, weights: Any) -> Any:
        if weights.type.element_type == self.factor:
            return weights
        type_ = mlir.VectorType.get(weights.type.shape, self.factor)
        return dialect("arith").truncf(type_, weights)

    def meet(self) -> None:
        """All are put."""
        if not self.plan.layouts.numbers.relays:
            barrier()

    def left(self, piece: int, step: Any) -> Fragment:
        """The left fragment of a piece of rows for the keys from ``step`` on."""
        unit = self.plan.layouts.values.unit
        if piece in self.kept:
            number = index.known(step)
            assert number is not None
            return self.kept[piece][number // unit.inner]
        line = index.constant(piece * unit.rows)
        return unit.fragments(self._tile(), LEFT, self.block.lane, line, step, 1)[0]

    def _tile(self) -> SharedTile:
        """The subgroup's own: its rows are lines, keys are inner steps."""
        tiles = self.plan.tiles
        pitch = tiles.key_tile + self.plan.layouts.values.unit.padding(LEFT, True)
        own = index.mul(self.block.subgroup, index.constant(tiles.subgroup_rows * pitch))
        first = index.constant(self.plan.elements(self.plan.weights_at))
        return SharedTile(self.memory, index.add(first, own), pitch, True)

    def _store(self, piece: int, weights: Sequence[Any]) -> None:
        tile, unit = self._tile(), self.layout.unit
        own = self.layout.columns(self.block.lane)
        for row, values in zip(self.layout.rows(self.block.lane), weights, strict=True):
            line = index.add(row, index.constant(piece * unit.rows))
            for number in range(values.type.shape[0]):
                part, column = divmod(number, len(own))
                at = index.add(own[column], index.constant(part * unit.columns))
                dialect("memref").store(element(values, number), self.memory, [tile.at(line, at)])
