"""Convolutions that read the image where it lies: filters on the lanes, pixels broadcast.

    sums[p][lanes] += filters[ky, c, kx][lanes] * image[c, y + ky, x + p + kx]

Only filters are packed. An image is read once for each tap and each panel of filters, where packing
it would copy it once for each tap: with few filters that takes longer than to multiply. Zeros
around the image are neither written nor read: along rows it is known when the code is written
which pixels of a tile a tap reaches, and the other loops over taps run over those that there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.contractions.contraction import Contraction, Factor, Operand
from pharos.targets.common.contractions.surroundings import (
    captured,
    find_finish,
    find_start,
)
from pharos.targets.cpu.contractions.flips import through_flips
from pharos.targets.cpu.contractions.padded import read_padded
from pharos.targets.cpu.contractions.parameters import Tiles, Unit, default_tiles
from pharos.targets.cpu.contractions.site import Plan

_SUMS = {16: 12, 32: 26}  # of all registers, those that sums may take
_PANEL_BYTES = 384 << 10  # of the second-level cache, for one panel of filters
_VARIANTS = 6  # kinds of tiles of a row that are worth their code
_STEPS = 24  # taps that are written out
# Cycles for a vector: to pack it where lanes are neighbours, every second element, or farther
# apart; to transpose and store it, to neighbours or farther apart.
_PACKING = {1: 7.0, 2: 12.0}
_GATHERING = 22.0
_STORING, _SCATTERING = 24.0, 100.0


@dataclass(frozen=True)
class Window:
    """How a dimension of the image is reached: ``out * stride + tap * dilation + start``, of
    which 0 to ``size`` exists. ``tap`` is None for a single tap, which is at 0."""

    out: int
    outs: int
    stride: int
    tap: int | None
    taps: int
    dilation: int
    start: int
    size: int

    def reaches(self, out: int, tap: int) -> bool:
        """Whether there is such an element."""
        return 0 <= out * self.stride + tap * self.dilation + self.start < self.size

    @property
    def whole(self) -> bool:
        """Whether every result reads something at every tap."""
        last_out, last_tap = self.outs - 1, self.taps - 1
        return self.reaches(0, 0) and self.reaches(last_out, last_tap)


@dataclass(frozen=True)
class TileKind:
    """Tiles ``first .. first + count`` of a row: each of ``pixels`` results, of which tap k
    reaches those in ``reached[k]``. The first begins at result ``at``."""

    at: int
    count: int
    pixels: int
    reached: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Direct:
    """``contraction``, its image read without margin, as a direct convolution.

    ``row`` is the dimension whose results are neighbours in the result, ``others`` are the other
    windows, ``channels`` the inner loops without one; ``gone`` are operations that nobody needs any
    more, and ``unused`` the buffers that they wrote.
    """

    contraction: Contraction
    image: Operand
    filters: Factor
    row: Window
    others: tuple[Window, ...]
    channels: tuple[int, ...]
    gone: tuple[Any, ...]
    unused: tuple[Any, ...]


@dataclass(frozen=True)
class DirectPlan(Plan):
    """``lanes`` vectors of filters side by side. ``by_panels``: panels of filters are shared by
    threads, not rows of the result. ``rows_inside``: a panel stays while rows pass."""

    direct: Direct = field(kw_only=True)
    vectors: int = field(kw_only=True)
    kinds: tuple[TileKind, ...] = field(kw_only=True)
    by_panels: bool = field(kw_only=True)
    rows_inside: bool = field(kw_only=True)

    @property
    def operands(self) -> list[tuple[Operand, tuple[str, ...]]]:
        """Of the results only rows: pixels are walked by loops."""
        found = [(o, ("rows", "inner")) for o in self.contraction.left.operands]
        ends = [o for o, roles in super().operands if roles == ("rows", "columns")]
        return [*found, *((o, ("rows",)) for o in ends)]


def read_direct(contraction: Contraction) -> Direct | None:
    """``contraction`` as a direct convolution; None when it has not that form."""
    if {None, 0} & {*contraction.sizes} or not contraction.rows or not contraction.columns:
        return None
    turned, flips = through_flips(contraction)
    if not all(map(_plain, (turned.left, turned.right))):
        return None
    filters, image = turned.left, turned.right.operands[0]
    padded = read_padded(image, contraction)
    starts = list(image.starts)
    if padded is not None:
        starts = [s - margin for s, margin in zip(starts, padded.starts, strict=True)]
        image = Operand(padded.source, image.factors, tuple(starts))
    windows = _windows(turned, image)
    if windows is None:
        return None
    row, others, channels = windows
    taps = [w.tap for w in (*others, row) if w.tap is not None]
    order = [t for t in taps if t != row.tap] + list(channels)
    order += [row.tap] if row.tap is not None else []
    right = replace(turned.right, operands=(image,))
    made = replace(turned, right=right, inner=tuple(order))
    gone = tuple(flips) + (padded.writers if padded is not None else ())
    unused = [flip.operands[0] for flip in flips] + ([padded.buffer] if padded is not None else [])
    return Direct(made, image, filters, row, tuple(others), channels, gone, tuple(unused))


def _plain(factor: Factor) -> bool:
    """Whether the factor is an element of one array of f32 or f64."""
    if len(factor.operands) != 1 or factor.value != factor.arguments[0]:
        return False
    operand = factor.operands[0]
    element = operand.type.element_type
    if not isinstance(element, (mlir.F32Type, mlir.F64Type)) or not operand.type.has_static_shape:
        return False
    return None not in operand.steps().values()


def _windows(c: Contraction, image: Operand) -> tuple[Window, list[Window], tuple[int, ...]] | None:
    """The row, the other windows in the order of the columns, and the channels."""
    found: dict[int, Window] = {}
    channels: list[int] = []
    shape = image.type.shape
    for factor, start, size in zip(image.factors, image.starts, shape, strict=True):
        outs = [loop for loop in factor if loop in c.columns]
        taps = [loop for loop in factor if loop in c.inner]
        if len(outs) > 1 or len(taps) > 1 or min(factor.values(), default=1) < 1:
            return None
        if outs:
            out, tap = outs[0], taps[0] if taps else None
            if len(factor) != len(outs) + len(taps) or out in found:
                return None
            taps_, dilation = (1, 1) if tap is None else (_size(c, tap), factor[tap])
            found[out] = Window(out, _size(c, out), factor[out], tap, taps_, dilation, start, size)
        elif start < 0 or not _fits(c, factor, start, size):
            return None  # a margin where there is no window to skip it
        else:
            channels += taps
    seen = [*channels, *(w.tap for w in found.values() if w.tap is not None)]
    if sorted(seen) != sorted(c.inner) or {*found} != {*c.columns}:
        return None
    row = found.pop(c.columns[-1])
    if any(w.tap is None and not w.whole for w in found.values()):
        return None  # no loop over taps that could leave a margin out
    if c.result.steps().get(row.out) is None or row.outs < 2:
        return None
    return row, [found[loop] for loop in c.columns[:-1]], tuple(channels)


def _size(c: Contraction, loop: int) -> int:
    return c.sizes[loop] or 1


def _fits(c: Contraction, factor: dict[int, int], start: int, size: int) -> bool:
    reach = sum(times * (_size(c, loop) - 1) for loop, times in factor.items())
    return start + reach < size


@dataclass(frozen=True)
class Shape:
    """A choice of register tile, and its cycles on all threads."""

    cycles: float
    vectors: int
    kinds: tuple[TileKind, ...]
    by_panels: bool


def choose(direct: Direct, unit: Unit) -> tuple[Shape, Tiles] | None:
    """The register tile of ``direct``, when it is faster than packed panels of the image."""
    c = direct.contraction
    bits = c.left.element.width
    width = max(1, unit.bits // bits)
    if direct.row.taps > _STEPS or not _wide_enough(unit, width):
        return None
    if direct.image.steps().get(direct.row.out) != direct.row.stride:
        # Pixels far apart, rows of a matrix: powers of two between them share few lines of a cache.
        return None
    shapes = [_shape(direct, unit, width, vectors) for vectors in (1, 2, 3, 4)]
    possible = [shape for shape in shapes if shape is not None]
    if not possible:
        return None
    best = min(possible, key=lambda shape: shape.cycles)
    if best.cycles > packed_cycles(direct, unit, bits):
        return None
    lanes = best.vectors * width
    inner = c.extent(c.inner) or 1
    return best, Tiles(width, lanes, max(lanes, 2 * width), lanes, lanes, inner)


def plan_of(direct: Direct, shape: Shape, tiles: Tiles) -> DirectPlan:
    """All decisions for ``direct``, what stands around it included."""
    c = direct.contraction
    start, finish = find_start(c), find_finish(c)
    buffers = [o.buffer for factor in (c.left, c.right) for o in factor.operands]
    values = [v for v in captured(c, start, finish) if v not in direct.unused]
    panels = tiles.mr * tiles.kc * c.left.element.width // 8
    several = math.ceil((c.extent(c.rows) or 1) / tiles.mr)
    return DirectPlan(
        c,
        tiles,
        "columns",
        start,
        finish,
        tuple(dict.fromkeys([*values, *buffers])),
        direct=direct,
        vectors=shape.vectors,
        kinds=shape.kinds,
        by_panels=shape.by_panels,
        rows_inside=several * panels > _PANEL_BYTES,
    )


def _wide_enough(unit: Unit, width: int) -> bool:
    return unit.registers in _SUMS and width >= 4


def _shape(direct: Direct, unit: Unit, width: int, vectors: int) -> Shape | None:
    c = direct.contraction
    rows, inner = c.extent(c.rows) or 1, c.extent(c.inner) or 1
    lanes = vectors * width
    panels = math.ceil(rows / lanes)
    if lanes * inner * c.left.element.width // 8 > _PANEL_BYTES:
        return None
    kinds = tile_kinds(direct.row, _SUMS[unit.registers] // vectors)
    if kinds is None:
        return None
    lines = math.prod(window.outs for window in direct.others)
    steps = inner // direct.row.taps * _share(direct.others)
    apart = abs(c.result.steps()[direct.row.out] or 0)
    storing = _STORING if apart == 1 else _SCATTERING
    per_line = sum(kind.count * _tile_cycles(kind, vectors, steps, storing) for kind in kinds)
    whole = (c.extent(c.batch) or 1) * panels * lines * per_line
    by_rows, by_panels = (_balance(n, unit.threads) for n in (lines, panels))
    uneven = 1.0 if (c.extent(c.batch) or 1) >= 2 * unit.threads else max(by_rows, by_panels)
    shared = by_panels > by_rows
    return Shape(whole / uneven + inner * rows / width * _GATHERING, vectors, kinds, shared)


def _tile_cycles(kind: TileKind, vectors: int, steps: float, storing: float) -> float:
    """Cycles of a tile: multiply-adds, two a cycle, or loads, two a cycle, or latency."""
    total = 0.0
    for reached in kind.reached:
        sums, loads = len(reached) * vectors, len(reached) + 2 * vectors
        total += max(sums / 2, loads / 2, min(4.0, len(reached) * 4.0))
    return total * steps + storing * kind.pixels * vectors


def _share(windows: Sequence[Window]) -> float:
    """How many of the taps of ``windows`` are reached, on average over their results."""
    share = 1.0
    for w in windows:
        pairs = sum(w.reaches(o, t) for o in range(w.outs) for t in range(w.taps))
        share *= pairs / (w.outs * w.taps)
    return share


def _balance(count: int, threads: int) -> float:
    """Which part of its time a thread works, when ``count`` equal pieces are shared."""
    return count / (math.ceil(count / threads) * threads)


def packed_cycles(direct: Direct, unit: Unit, bits: int) -> float:
    """Cycles of the same contraction in packed panels, margin and copies of it included."""
    c = direct.contraction
    rows, columns, inner = (c.extent(r) or 1 for r in (c.rows, c.columns, c.inner))
    batches = c.extent(c.batch) or 1
    tiles = default_tiles(bits, rows, columns, inner, unit)
    whole = math.ceil(rows / tiles.mr) * tiles.mr * math.ceil(columns / tiles.nr) * tiles.nr
    products = whole * inner / (2 * tiles.width) * 1.05
    packing = columns * inner / tiles.width * _PACKING.get(direct.row.stride, _GATHERING)
    return batches * (products + packing + rows * columns / tiles.width * 2)


def tile_kinds(row: Window, most: int) -> tuple[TileKind, ...] | None:
    """Tiles of a row of at most ``most`` results each, as even as can be; None when too many
    differ."""
    count = math.ceil(row.outs / most)
    small, larger = divmod(row.outs, count)
    found: list[TileKind] = []
    at = 0
    for number in range(count):
        pixels = small + (number < larger)
        reached = tuple(
            tuple(p for p in range(pixels) if row.reaches(at + p, tap)) for tap in range(row.taps)
        )
        last = found[-1] if found else None
        if last is not None and (last.pixels, last.reached) == (pixels, reached):
            found[-1] = replace(last, count=last.count + 1)
        else:
            found.append(TileKind(at, 1, pixels, reached))
        at += pixels
    return tuple(found) if len(found) <= _VARIANTS else None
