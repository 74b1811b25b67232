"""Which keys a workgroup goes through, and in which of their tiles some have to be masked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect
from pharos.targets.common.nests import index
from pharos.targets.xegpu.attention.place import Place
from pharos.targets.xegpu.indices import block, constant, times


@dataclass(frozen=True)
class Range:
    """Tiles of keys from ``first`` to before ``end`` (index values). Off the ``edge`` all keys of a
    tile exist and every row sees them."""

    first: Any
    end: Any
    edge: bool


def key_ranges(place: Place) -> list[Range]:
    """The tiles of this workgroup's rows and of its split, in order; some ranges may be empty.

    |....####|########|########|##......|      # seen by all rows, . by some
     edge     open              edge
    """
    site, tiles = place.problem.site, place.tiles
    arith = dialect("arith")
    rows = _rows(place)
    first = index.round_down(site.first_key(rows[0]), tiles.keys)
    end = site.end_key(rows[1])
    open_first = _round_up(site.first_key(rows[1]), tiles.keys)
    open_end = index.round_down(site.end_key(rows[0]), tiles.keys)
    if tiles.splits > 1:
        begin, limit = _share(place)
        first = arith.maxsi(first, begin)
        end, open_end = index.minimum(end, limit), index.minimum(open_end, limit)
    open_first = _most(open_first, first)
    open_end = _most(open_end, open_first)
    ranges = [Range(open_first, open_end, edge=False)]
    if site.window is not None:
        ranges.insert(0, Range(first, index.minimum(open_first, end), edge=True))
    if site.causal is not None or place.problem.n % tiles.keys:
        ranges.append(Range(open_end, end, edge=True))
    return ranges


def _share(place: Place) -> tuple[Any, Any]:
    """The keys of this workgroup's split."""
    keys = place.tiles.keys
    share = math.ceil(math.ceil(place.problem.n / keys) / place.tiles.splits) * keys
    begin = times(block("y"), share)
    return begin, dialect("arith").addi(begin, constant(share))


def _round_up(value: Any, factor: int) -> Any:
    return index.mul(index.ceil_div(value, factor), constant(factor))


def _most(a: Any, b: Any) -> Any:
    left, right = index.known(a), index.known(b)
    if left is not None and right is not None:
        return constant(max(left, right))
    return dialect("arith").maxsi(a, b)


def _rows(place: Place) -> tuple[Any, Any]:
    """The first and the last query of this workgroup."""
    if place.problem.rows != place.problem.site.m:
        return constant(0), constant(0)
    last = index.add(place.row, constant(place.tiles.rows - 1))
    return place.row, index.minimum(last, constant(place.problem.m - 1))
