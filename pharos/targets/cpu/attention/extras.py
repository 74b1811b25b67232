"""What a score needs besides products, with query rows on lanes: masks, slopes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.site import AttentionOperand
from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.site import Inside
from pharos.targets.cpu.attention.staging import Source, Target, byte_or, stage
from pharos.targets.cpu.attention.vectors import Vectors
from pharos.targets.cpu.contractions.site import allocate


class Extras:
    """The extras of an attention, those that differ from query to query in buffers of their own.

    ``masks`` differ from key to key as well; each tile has a block of them.
    """

    def __init__(self, inside: Inside, vectors: Vectors) -> None:
        self.inside, self.vectors = inside, vectors
        site, tiles = inside.site, inside.tiles
        self.used = [(number, site.extras[number]) for number in site.score.used]
        self.buffers: dict[int, Any] = {}
        for number, extra in self.used:
            if extra.uses(site.m):
                rows = tiles.key_tile if extra.uses(site.n) else 1
                length = index.constant(rows * tiles.query_tile)
                self.buffers[number] = allocate(byte_or(extra.type.element_type), length)

    def origins(self, numbers: Mapping[int, Any]) -> dict[int, Any]:
        """Where each extra starts in the batch with these ``numbers``."""
        return {n: self.inside.origin(extra, numbers) for n, extra in self.used}

    def stage_rows(self, origins: Mapping[int, Any], row: Any, lanes: Any) -> None:
        """Fetch what differs from query to query only, ``lanes`` of them from ``row`` on."""
        for number, extra in self.used:
            if extra.uses(self.inside.site.m) and not extra.uses(self.inside.site.n):
                self._stage(number, extra, origins[number], row, lanes, (0, 1))

    def stage_tile(
        self, origins: Mapping[int, Any], row: Any, lanes: Any, first: Any, keys: tuple[Any, Any]
    ) -> None:
        """Fetch the masks of a tile: of ``keys``, counted from the tile's ``first`` one."""
        site = self.inside.site
        for number, extra in self.used:
            if extra.uses(site.m) and extra.uses(site.n):
                step = self.inside.places[extra.number].step(site.n)
                origin = index.add(origins[number], index.mul(first, step))
                low = index.round_down(keys[0], self.vectors.width)
                self._stage(number, extra, origin, row, lanes, (low, keys[1]))

    def _stage(
        self, number: int, extra: AttentionOperand, origin: Any, row: Any, lanes: Any, keys: Any
    ) -> None:
        site, tiles = self.inside.site, self.inside.tiles
        place = self.inside.places[extra.number]
        lane = place.step(site.m)
        base = index.add(origin, index.mul(row, lane))
        source = Source(place, base, lane, place.step(site.n), lanes)
        target = Target(
            self.buffers[number],
            index.constant(0),
            tiles.query_tile,
            tiles.vectors,
            self.vectors.width,
        )
        low, high = (index.constant(k) if isinstance(k, int) else k for k in keys)
        stage(source, target, low, high)

    def value(self, number: int, origins: Mapping[int, Any], key: Any, first: Any, v: int) -> Any:
        """Extra ``number`` for vector ``v`` of rows; ``key`` counts from the tile's ``first``."""
        site = self.inside.site
        extra = site.extras[number]
        if number in self.buffers:
            row = key if extra.uses(site.n) else index.constant(0)
            at = index.mul(row, index.constant(self.inside.tiles.query_tile))
            at = index.add(at, index.constant(v * self.vectors.width))
            buffer = self.buffers[number]
            element = mlir.MemRefType(buffer.type).element_type
            type_ = mlir.VectorType.get([self.vectors.width], element)
            return _as_stored(dialect("vector").load(type_, buffer, [at]), extra)
        place = self.inside.places[extra.number]
        at = index.add(origins[number], index.mul(index.add(first, key), place.step(site.n)))
        return dialect("memref").load(place.flat, [at])


class KeyExtras:
    """The same with keys on lanes: extras that differ from key to key have a row in a buffer."""

    def __init__(self, inside: Inside, vectors: Vectors) -> None:
        self.inside, self.vectors = inside, vectors
        site, length = inside.site, index.constant(inside.tiles.key_tile)
        self.buffers = {
            number: allocate(byte_or(site.extras[number].type.element_type), length)
            for number in site.score.used
            if site.extras[number].uses(site.n)
        }

    def fetch(self, numbers: Mapping[int, Any], first: Any, count: Any) -> None:
        """Fetch what the row with these ``numbers`` needs for ``count`` keys from ``first`` on."""
        site, width = self.inside.site, self.vectors.width
        size, zero = self.inside.tiles.key_tile, index.constant(0)
        for number, buffer in self.buffers.items():
            extra = site.extras[number]
            place = self.inside.places[extra.number]
            own = {loop: numbers[loop] for loop in extra.loops if loop != site.n}
            origin = self.inside.origin(extra, {**own, site.n: first})
            source = Source(place, origin, place.step(site.n), zero, count)
            target = Target(buffer, zero, size, size // width, width)
            stage(source, target, zero, index.constant(1))

    def value(self, number: int, numbers: Mapping[int, Any], key: Any) -> Any:
        """Extra ``number`` for the vector of keys from ``key`` on, counted in the tile."""
        extra = self.inside.site.extras[number]
        if number not in self.buffers:
            own = {loop: numbers[loop] for loop in extra.loops}
            flat = self.inside.places[extra.number].flat
            return dialect("memref").load(flat, [self.inside.origin(extra, own)])
        buffer = self.buffers[number]
        element = mlir.MemRefType(buffer.type).element_type
        type_ = mlir.VectorType.get([self.vectors.width], element)
        return _as_stored(dialect("vector").load(type_, buffer, [key]), extra)


def _as_stored(value: Any, extra: AttentionOperand) -> Any:
    """A vector of bytes as the bits that the operand has."""
    if extra.dtype != "i1":
        return value
    type_ = mlir.VectorType.get(value.type.shape, mlir.IntegerType.get_signless(1))
    return dialect("arith").trunci(type_, value)
