"""Blocks for products of bf16 by AMX, whose tile registers hold 16 x 16 sums of f32.

Rates are those of the optimisation manual of Intel's fourth Xeon generation: a tile product
every 16 cycles, a tile loaded from the first two caches in about 8.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pharos.params.blocking import Blocks, Extents, Unit
from pharos.params.values import strange

SIDE = 16
_INNER = 2 * SIDE  # elements of bf16 in a row of a tile
PRODUCT, _LOAD = 16, 8
_LONGEST = 1024  # inner elements of a block


def best_matrix_blocks(
    extents: Extents, unit: Unit, fixed: Mapping[str, int] | None = None
) -> Blocks:
    """The cheapest of one or two tiles each way, in blocks of a quarter of the second cache."""
    wanted = fixed or {}
    sides = (SIDE, 2 * SIDE)
    tiles = [
        (mr, nr)
        for mr in ([wanted["mr"]] if "mr" in wanted else sides)
        for nr in ([wanted["nr"]] if "nr" in wanted else sides)
    ]
    mr, nr = min(tiles, key=lambda tile: (matrix_cycles(extents, *tile), -tile[0] * tile[1]))
    kc = wanted.get("kc") or _piece(extents.inner)
    lanes = unit.l2 // 4 // (2 * kc)
    mc, nc = (
        wanted.get(name) or min(_up(extent, tile), max(tile, lanes // tile * tile))
        for name, tile, extent in (("mc", mr, extents.rows), ("nc", nr, extents.columns))
    )
    return Blocks(mr, nr, mc, nc, kc)


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


def _piece(inner: int) -> int:
    """``inner`` in equal pieces of at most ``_LONGEST``, each a whole number of tiles."""
    return _up(math.ceil(inner / math.ceil(inner / _LONGEST)), _INNER)


def _up(extent: int, part: int) -> int:
    return math.ceil(extent / part) * part
