"""Blocks for products of bf16 by AMX, whose tile registers hold 16 x 16 sums of f32.

Rates are those of the optimisation manual of Intel's fourth Xeon generation: a tile product
every 16 cycles, a tile loaded from the first two caches in about 8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from pharos.params.blocking import Blocks, Extents, Unit
from pharos.params.values import strange
from pharos.pipeline import Candidate

SIDE = 16
_INNER = 2 * SIDE  # elements of bf16 in a row of a tile
PRODUCT, _LOAD = 16, 8
_LONGEST = 1024  # inner elements of a block


def best_matrix_blocks(
    extents: Extents,
    unit: Unit,
    fixed: Mapping[str, int] | None = None,
    longest: int = _LONGEST,
    part: int = 4,
) -> Blocks:
    """The cheapest of one or two tiles each way, in blocks of a ``part`` of the second cache and
    of at most ``longest`` steps of the sums."""
    wanted = fixed or {}
    sides = (SIDE, 2 * SIDE)
    tiles = [
        (mr, nr)
        for mr in ([wanted["mr"]] if "mr" in wanted else sides)
        for nr in ([wanted["nr"]] if "nr" in wanted else sides)
    ]
    mr, nr = min(tiles, key=lambda tile: (matrix_cycles(extents, *tile), -tile[0] * tile[1]))
    kc = wanted.get("kc") or _piece(extents.inner, longest)
    lanes = unit.l2 // part // (2 * kc)
    mc, nc = (
        wanted.get(name) or min(_up(extent, tile), max(tile, lanes // tile * tile))
        for name, tile, extent in (("mc", mr, extents.rows), ("nc", nr, extents.columns))
    )
    return Blocks(mr, nr, mc, nc, kc)


def matrix_candidates(extents: Extents, unit: Unit) -> Iterator[Candidate]:
    """Every tile in blocks of several sizes, which the model does not tell apart; those like the
    choice come first."""
    for longest in (_LONGEST, 512, 256, 2048):
        for part in (4, 2, 8, 16):
            for mr in (2 * SIDE, SIDE):
                for nr in (2 * SIDE, SIDE):
                    tile = {"mr": mr, "nr": nr}
                    blocks = best_matrix_blocks(extents, unit, tile, longest, part)
                    yield Candidate(asdict(blocks), matrix_cycles(extents, mr, nr))


def matrix_cycles(extents: Extents, mr: int, nr: int) -> float:
    """Cycles of tile products and loads, edges included, factors in the second cache."""
    down, across = mr // SIDE, nr // SIDE
    steps = math.ceil(extents.inner / _INNER)
    each = max(PRODUCT * down * across, _LOAD * (down + across))
    return math.ceil(extents.rows / mr) * math.ceil(extents.columns / nr) * steps * each


def matrix_problems(values: Mapping[str, Any]) -> list[str]:
    """The constraints that ``values`` break, each in a sentence; none for legal blocks."""
    found = strange(values, ("mr", "nr", "mc", "nc", "kc"))
    if found:
        return found
    found += [
        f"{name} = {values[name]} is not {SIDE} or {2 * SIDE}, the rows of one or two matrix tiles"
        for name in ("mr", "nr")
        if values[name] not in (SIDE, 2 * SIDE)
    ]
    found += [
        f"{name} = {values[name]} is not a multiple of {part}"
        for name, part in (("mc", values["mr"]), ("nc", values["nr"]), ("kc", _INNER))
        if values[name] % part
    ]
    return found


def matrix_reason(extents: Extents, blocks: Blocks) -> str:
    """Why these blocks: the registers they fill and the part of the products that is wanted."""
    down, across = blocks.mr // SIDE, blocks.nr // SIDE
    done = matrix_cycles(extents, blocks.mr, blocks.nr)
    least = extents.rows * extents.columns * extents.inner / (SIDE * SIDE * _INNER) * PRODUCT
    return (
        f"{down * across + down + across} of 8 matrix tiles, "
        f"{100 * least / done:.0f}% of peak without packing"
    )


def _piece(inner: int, longest: int) -> int:
    """``inner`` in equal pieces of at most ``longest``, each a whole number of tiles."""
    return _up(math.ceil(inner / math.ceil(inner / longest)), _INNER)


def _up(extent: int, part: int) -> int:
    return math.ceil(extent / part) * part
