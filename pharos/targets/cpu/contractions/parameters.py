"""Sizes of register tiles and cache blocks: pure functions of element type, extents and facts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pharos.targets.cpu.contractions.units import AMX, MultiplyUnit

# Independent sums that keep both multiply-add units busy need 8 or more registers; this many of
# all registers hold sums, the rest the factors on their way.
_SPARE = {16: 4, 32: 8}
_BLOCK_BYTES = 384 << 10  # of the second-level cache, for the block that stays there
# A factor that all threads share is packed in pieces of the inner loops where it is larger than
# this; each piece adds to the whole result, which must stay in the second-level cache.
_PIECE_BYTES, _RESULT_BYTES = 1 << 20, 512 << 10


# Rows, columns and inner elements; None where not known.
Extents = tuple[int | None, int | None, int | None]


@dataclass(frozen=True)
class Unit:
    """The vector unit: bits of a register, number of registers, and threads that share work."""

    bits: int
    registers: int
    threads: int


@dataclass(frozen=True)
class Tiles:
    """A register tile has ``mr`` rows and ``nr`` columns (``nr / width`` vectors); a block has
    ``mc`` rows, ``nc`` columns and ``kc`` inner steps."""

    width: int
    mr: int
    nr: int
    mc: int
    nc: int
    kc: int


def default_tiles(
    bits: int, rows: int | None, columns: int | None, inner: int | None, unit: Unit
) -> Tiles:
    """Tiles for elements of ``bits`` bits and these extents (None where not known)."""
    width = max(1, unit.bits // bits)
    vectors = 2 if columns is None or columns > width else 1
    sums = unit.registers - _SPARE.get(unit.registers, 8)
    mr = _even(rows, min(sums // vectors, width, 12))
    kc = _even(inner, 512)
    nr = vectors * width
    lanes = _BLOCK_BYTES // (kc * bits // 8)
    return Tiles(width, mr, nr, _multiple(lanes, mr), _multiple(lanes, nr), kc)


def tiles_for(
    unit: MultiplyUnit, bits: int, extents: Extents, vectors: Unit, wanted: dict[str, int]
) -> Tiles:
    """Tiles of ``unit`` for elements of ``bits`` bits and these extents, ``wanted`` included.

    ``kc`` in ``wanted`` counts inner elements, in the result steps of the unit.
    """
    if unit is AMX:
        return _matrix_tiles(vectors.bits // bits, extents, wanted)
    tiles = default_tiles(bits, *extents, vectors)
    tiles = with_overrides(tiles, wanted) if wanted else tiles
    return replace(tiles, kc=math.ceil(tiles.kc / 2)) if unit.pairs else tiles


def _matrix_tiles(width: int, extents: Extents, wanted: dict[str, int]) -> Tiles:
    """One or two matrix tiles each way, ``kc`` a whole number of them."""
    side = AMX.whole
    rows, columns, inner = extents
    mr, nr = (
        side if (wanted.get(name) or extent or 2 * side) <= side else 2 * side
        for name, extent in (("mr", rows), ("nr", columns))
    )
    kc = wanted.get("kc") or _even(inner, 1024)
    steps = math.ceil(kc / 2 / side) * side
    lanes = _BLOCK_BYTES // (4 * steps)
    mc, nc = (_multiple(wanted.get(n) or lanes, tile) for n, tile in (("mc", mr), ("nc", nr)))
    return Tiles(width, mr, nr, mc, nc, steps)


def with_overrides(tiles: Tiles, wanted: dict[str, int]) -> Tiles:
    """``tiles`` with the values of ``wanted`` (mr, nr, mc, nc, kc), made to fit each other."""
    known = {
        name: value for name, value in wanted.items() if name in ("mr", "nr", "mc", "nc", "kc")
    }
    tiles = replace(tiles, **known)
    nr = _multiple(max(tiles.nr, tiles.width), tiles.width)
    mr = max(1, min(tiles.mr, tiles.width))
    return replace(
        tiles,
        mr=mr,
        nr=nr,
        mc=_multiple(tiles.mc, mr),
        nc=_multiple(tiles.nc, nr),
        kc=max(1, tiles.kc),
    )


def last_columns(columns: int, nr: int, width: int) -> int:
    """Columns of the last tile of a row: fewer vectors than the others where that spares a
    hundredth of the work, as it is a second microkernel to compile."""
    left = math.ceil((columns % nr or nr) / width) * width
    return left if columns > nr and 100 * (nr - left) >= columns else nr


def split_role(rows: int | None, columns: int | None) -> str:
    """The role that threads share: the longer one, columns where that is not known."""
    return "rows" if rows is not None and columns is not None and rows > columns else "columns"


def piece_of(tiles: Tiles, bits: int, extents: Extents, split: str) -> int | None:
    """The inner steps of the shared factor, all lanes but those of ``split``, that are packed at a
    time: a multiple of ``kc``; None for all."""
    rows, columns, inner = extents
    if rows is None or columns is None or inner is None:
        return None
    lanes = columns if split == "rows" else rows
    step = lanes * bits // 8
    if step * inner <= 2 * _PIECE_BYTES or rows * columns * bits // 8 > _RESULT_BYTES:
        return None
    return _multiple(_PIECE_BYTES // step, tiles.kc)


def _even(extent: int | None, largest: int) -> int:
    """``extent`` cut into equal parts of at most ``largest``; ``largest`` when not known."""
    if extent is None:
        return largest
    extent = max(1, extent)
    return math.ceil(extent / math.ceil(extent / largest))


def _multiple(value: int, factor: int) -> int:
    return max(factor, value // factor * factor)
