"""The ring of chunks of K and V in workgroup memory.

A tile of keys has C chunks, first those of K, then those of V; chunk c of the block's tile number t
goes to place (t C + c) mod stages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.gpu_block import Block
from pharos.targets.common.attention.gpu_copies import Form, TileCopy
from pharos.targets.common.attention.gpu_plan import AttentionPlan
from pharos.targets.common.attention.gpu_rows import RowLayout
from pharos.targets.common.contractions.unit import RIGHT, SharedTile
from pharos.targets.common.loops.meeting import barrier
from pharos.targets.common.nests import index


@dataclass(frozen=True)
class Chunk:
    """A chunk that has arrived."""

    tile: SharedTile


class Ring:
    """Made before the loop over tiles of keys; ``fill`` begins the first chunks."""

    def __init__(self, plan: AttentionPlan, block: Block, memory: Any) -> None:
        self.plan, self.block, self.memory = plan, block, memory
        self.first = plan.elements(plan.ring_at)
        self.each = plan.elements(plan.chunk_bytes)
        keys, values = plan.key_chunks, plan.value_chunks
        self.chunks = [
            *((False, n * keys[1]) for n in range(keys[0])),
            *((True, n * values[1]) for n in range(values[0])),
        ]
        self.copy = {
            False: self._copy(plan.layouts.scores, False, keys[1]),
            True: self._copy(plan.layouts.values, True, values[1]),
        }
        self.ahead = plan.tiles.stages - 1
        self.copies = plan.copies if any(c.copies for c in self.copy.values()) else None

    def _copy(self, layout: RowLayout, values: bool, length: int) -> TileCopy:
        block, plan = self.block, self.plan
        source, keys = block.keys(values), plan.tiles.key_tile
        inner_fast = layout.inner_fast(values, source.heads_fast)
        heads_fast = inner_fast != values  # the steps of the second product are keys
        fast = length if heads_fast else keys
        pitch = fast + layout.unit.padding(RIGHT, inner_fast)
        form = Form(keys, length, heads_fast, pitch)
        spare = plan.elements(plan.spare_at)
        return TileCopy(source, form, block.thread, plan.threads, plan.copies, spare)

    def fill(self) -> None:
        """Begin the chunks that the first steps find."""
        for number in range(self.ahead):
            after, chunk = divmod(number, len(self.chunks))
            tile = index.add(self.block.low, index.constant(after))
            self._now(tile, chunk, index.constant(number))
            self._commit()

    def _now(self, tile: Any, chunk: int, slot: Any) -> None:
        """All of the copy of a chunk, if it exists."""
        scf = dialect("scf")
        branch = scf.IfOp(self._exists(tile))
        with mlir.InsertionPoint(branch.then_block):
            self._finish(self._begin(tile, chunk, slot), chunk, slot)
            scf.YieldOp([])

    @contextmanager
    def arrived(self, tile: Any, chunk: int) -> Iterator[Chunk]:
        """Wait for a chunk; while it is used, the copy of a later one is under way."""
        if self.copies is not None:
            self.copies.wait(self.ahead - 1)
        barrier()
        after, later = divmod(chunk + self.ahead, len(self.chunks))
        wanted = index.add(tile, index.constant(after))
        slot = self._slot(tile, chunk + self.ahead)
        begun: list[Any] = []
        if self.copy[self.chunks[later][0]].immediate:
            self._now(wanted, later, slot)
        else:  # of a tile that does not exist this one's is read, and stored for nobody
            read = dialect("arith").select(self._exists(wanted), wanted, tile) if after else tile
            begun = self._begin(read, later, slot)
        self._commit()
        yield Chunk(self._tile(chunk, self._slot(tile, chunk)))
        self._finish(begun, later, slot)

    def _exists(self, tile: Any) -> Any:
        arith = dialect("arith")
        return arith.cmpi(arith.CmpIPredicate.slt, tile, self.block.high)

    def _slot(self, tile: Any, chunk: int) -> Any:
        """Where chunk number ``chunk`` (maybe of a later tile) goes."""
        stages = self.plan.tiles.stages
        if len(self.chunks) % stages == 0:
            return index.constant(chunk % stages)
        own = index.sub(tile, self.block.low)
        number = index.add(index.mul(own, index.constant(len(self.chunks))), index.constant(chunk))
        return dialect("arith").remui(number, index.constant(stages))

    def _tile(self, chunk: int, slot: Any) -> SharedTile:
        values, _ = self.chunks[chunk]
        form = self.copy[values].form
        origin = index.add(index.constant(self.first), index.mul(slot, index.constant(self.each)))
        return SharedTile(self.memory, origin, form.pitch, form.heads_fast != values)

    def _begin(self, tile: Any, chunk: int, slot: Any) -> list[Any]:
        values, head = self.chunks[chunk]
        row = index.mul(tile, index.constant(self.plan.tiles.key_tile))
        return self.copy[values].begin(row, head, self._tile(chunk, slot))

    def _finish(self, begun: list[Any], chunk: int, slot: Any) -> None:
        self.copy[self.chunks[chunk][0]].finish(begun, self._tile(chunk, slot))

    def _commit(self) -> None:
        if self.copies is not None:
            self.copies.commit()
