"""All decisions about the kernels of one attention, made before anything is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pharos.targets.common.attention import gpu_tiles
from pharos.targets.common.attention.gpu_exponential import Power
from pharos.targets.common.attention.gpu_rows import RowLayout
from pharos.targets.common.attention.gpu_tiles import AttentionTiles, HeadSizes, HeadUnit, Limits
from pharos.targets.common.attention.site import AttentionOperand, AttentionSite
from pharos.targets.common.contractions.gpu_plan import AsyncCopies


@dataclass(frozen=True)
class HeadLayouts:
    """The matrix units of one attention: ``scores`` multiplies queries and keys, ``values`` weights
    and values; both hold the same rows in the same lanes. ``numbers`` describes them. ``power`` is
    the chip's approximation of powers of two, where factors have fewer bits than that."""

    scores: RowLayout
    values: RowLayout
    numbers: HeadUnit
    power: Power | None = None


@dataclass(frozen=True)
class AttentionPlan:
    """One attention with its tiles and units.

    Batch loops that neither keys nor values depend on (several heads that share theirs) are rows
    like the queries, the query fastest, where a block would else have too few (``packed``).
    """

    site: AttentionSite
    tiles: AttentionTiles
    layouts: HeadLayouts
    limits: Limits
    packed: tuple[int, ...]
    copies: AsyncCopies | None = None

    @cached_property
    def batch(self) -> tuple[int, ...]:
        """The loops that blocks are numbered by."""
        return tuple(loop for loop in self.site.batch if loop not in self.packed)

    @cached_property
    def rows(self) -> tuple[int, ...]:
        """The loops that the rows of a block count, the last fastest."""
        return (*self.packed, self.site.m)

    def size(self, loop: int) -> int:
        """The trip count of ``loop``."""
        found = self.site.sizes[loop]
        assert found is not None
        return found

    def extent(self, loops: Sequence[int]) -> int:
        """The product of trip counts."""
        return math.prod(self.size(loop) for loop in loops)

    @cached_property
    def sizes(self) -> HeadSizes:
        """The attention in numbers."""
        return head_sizes(self.site, self.packed)

    @cached_property
    def blocks_of_rows(self) -> int:
        """Blocks that cover the rows."""
        return math.ceil(self.sizes.rows / self.tiles.query_rows)

    @cached_property
    def tiles_of_keys(self) -> int:
        """Tiles that cover the keys."""
        return math.ceil(self.sizes.keys / self.tiles.key_tile)

    @cached_property
    def threads(self) -> int:
        """Work-items of a block."""
        return self.tiles.subgroups * self.layouts.numbers.lanes

    @cached_property
    def kept(self) -> bool:
        """Whether queries stay in registers."""
        return gpu_tiles.keeps_queries(self.tiles, self.sizes, self.layouts.numbers, self.limits)

    @cached_property
    def key_chunks(self) -> tuple[int, int]:
        """Chunks of K, and elements of a head in each."""
        unit = self.layouts.numbers
        return gpu_tiles.chunks(self.sizes.dk, self.tiles.head_tile, unit.inner)

    @cached_property
    def value_chunks(self) -> tuple[int, int]:
        """Chunks of V, and elements of a head in each."""
        unit = self.layouts.numbers
        return gpu_tiles.chunks(self.sizes.dv, self.tiles.head_tile, unit.value_columns)

    @cached_property
    def shared_bytes(self) -> int:
        """Bytes of workgroup memory."""
        return gpu_tiles.shared_bytes(self.tiles, self.sizes, self.layouts.numbers, self.kept)

    @cached_property
    def ring_at(self) -> int:
        """Where the chunks begin in workgroup memory, in bytes: over queries that are kept."""
        queries = gpu_tiles.query_bytes(self.tiles, self.sizes, self.layouts.numbers)
        return 0 if self.kept else queries

    @cached_property
    def chunk_bytes(self) -> int:
        """From one chunk to the next."""
        return gpu_tiles.chunk_bytes(self.tiles, self.sizes, self.layouts.numbers)

    @cached_property
    def weights_at(self) -> int:
        """Where the weights begin in workgroup memory, in bytes."""
        return self.spare_at - gpu_tiles.weight_bytes(self.tiles, self.layouts.numbers)

    @cached_property
    def spare_at(self) -> int:
        """Where 16 bytes for each work-item begin in workgroup memory, in bytes."""
        return self.shared_bytes - gpu_tiles.spare_bytes(self.tiles, self.layouts.numbers)

    def elements(self, bytes_: int) -> int:
        """``bytes_`` of workgroup memory in elements."""
        return bytes_ // self.layouts.numbers.bytes


def stride(operand: AttentionOperand, loop: int) -> int:
    """Elements from one step of ``loop`` to the next, which are known."""
    found = operand.stride(loop)
    assert found is not None
    return found


def head_sizes(site: AttentionSite, packed: Sequence[int]) -> HeadSizes:
    """``site`` in numbers, with the batch loops ``packed`` among its rows."""
    sizes = [size or 0 for size in site.sizes]
    rows = math.prod(sizes[loop] for loop in (*packed, site.m))
    batch = math.prod(sizes[loop] for loop in site.batch if loop not in packed)
    return HeadSizes(batch, rows, sizes[site.n], sizes[site.dk], sizes[site.dv])


def packed_loops(site: AttentionSite, unit: HeadUnit) -> tuple[int, ...]:
    """The batch loops that become rows: those of heads with the same keys, where a head has fewer
    queries than a matrix unit has rows."""
    queries = site.sizes[site.m] or 0
    shared = [loop for loop in site.batch if not (site.k.uses(loop) or site.v.uses(loop))]
    return tuple(shared) if queries < unit.rows else ()
