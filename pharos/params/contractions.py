"""Parameters of contractions and convolutions: the blocks that the model finds cheapest.

``mr``, ``nr`` are the rows and columns of a register tile, ``mc``, ``nc``, ``kc`` the sizes of a
block; see ``blocking``. Every size gets parameters: edges are masked, nothing is refused for what
it measures.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from pharos.params.blocking import (
    FUSED_PER_CYCLE,
    LATENCY,
    Blocks,
    Extents,
    Unit,
    cycles,
    registers_of,
)
from pharos.params.candidates import ranked
from pharos.params.matrix_blocks import (
    best_matrix_blocks,
    matrix_candidates,
    matrix_problems,
    matrix_reason,
)
from pharos.params.values import strange
from pharos.payload import Contraction, Convolution, Motif
from pharos.pipeline import Candidate, Choice, MotifChoice
from pharos.targets.cpu.contractions.units import AMX, AMX_SIMD_BITS, FMA, suits_tiles

NAMES = ("mr", "nr", "mc", "nc", "kc")
TILE = NAMES[:2]
UNKNOWN = 1024  # taken for a size that is known only at run time
_ROWS = 12  # of a tile: more are rarely faster and take longer to compile
_TILES = 4  # register tiles that get as far as a choice of blocks
_TYPES = re.compile(r"(?:bf|f|i)(\d+)")


def contraction_blocks(
    payload_facts: Any,
    target_facts: Any,
    simd_bits: int,
    registers: int,
    threads: int,
    bf16_unit: str = FMA.name,
) -> tuple[MotifChoice, ...]:
    """``mr``, ``nr``, ``mc``, ``nc``, ``kc`` for every contraction and convolution.

    For vectors of ``simd_bits`` in ``registers`` registers, work shared by ``threads``; caches are
    the target's. Products of bf16 may have a unit of their own.
    """
    motifs = payload_facts.walk() if payload_facts is not None else ()
    facts = replace(target_facts, simd_bits=simd_bits, vector_registers=registers)
    chosen = (
        _matrix_choice(motif, facts, threads)
        if _on_tiles(motif, facts, bf16_unit)
        else _choice(motif, facts, threads)
        for motif in motifs
    )
    return tuple(one for one in chosen if one is not None)


def extents_of(motif: Motif) -> Extents | None:
    """The extents of a contraction or convolution, its columns being contiguous in the result."""
    if isinstance(motif, Contraction):
        sizes = (motif.m, motif.n) if motif.result.endswith("n") else (motif.n, motif.m)
        return _extents(motif.batch, *sizes, motif.k)
    if isinstance(motif, Convolution):
        image = _product((motif.batch, *motif.space))
        inner = _product((motif.channels, *motif.window))
        sides = (
            (image, motif.features) if motif.layouts[2].endswith("f") else (motif.features, image)
        )
        return _extents(motif.groups, *sides, inner)
    return None


def best_blocks(extents: Extents, unit: Unit, fixed: Mapping[str, int] | None = None) -> Blocks:
    """The cheapest blocks among those that have the values ``fixed``."""
    return _best(extents, unit, tuple(sorted((fixed or {}).items())))


def ranked_blocks(extents: Extents, unit: Unit) -> tuple[Candidate, ...]:
    """The blocks that are worth measuring, those that the model finds cheapest first."""
    all_blocks = (b for tile in _tiles(extents, unit, {}) for b in _blocks(tile, extents, unit, {}))
    priced = (Candidate(asdict(b), cycles(extents, b, unit)) for b in all_blocks)
    return ranked(priced, TILE)


def problems(values: Mapping[str, Any], unit: Unit) -> list[str]:
    """The constraints that ``values`` break, each in a sentence; none for legal blocks."""
    found = strange(values, NAMES)
    if found:
        return found
    mr, nr, mc, nc = (values[name] for name in NAMES[:4])
    if nr % unit.lanes:
        found.append(
            f"nr = {nr} is not a multiple of {unit.lanes}, the elements of a vector register"
        )
    if mr > max(unit.lanes, 1):
        found.append(f"mr = {mr} is more than {unit.lanes}, the elements of a vector register")
    needed = registers_of(mr, nr, unit)
    if needed > unit.registers:
        found.append(
            f"mr = {mr} with nr = {nr} needs {needed} vector registers, there are {unit.registers}"
        )
    found += [
        f"{name} = {block} is not a multiple of {part} = {tile}"
        for name, block, part, tile in (("mc", mc, "mr", mr), ("nc", nc, "nr", nr))
        if block % tile
    ]
    return found


def _choice(motif: Motif, facts: Any, threads: int) -> MotifChoice | None:
    extents, bits = extents_of(motif), _bits(motif)
    if extents is None or bits is None:
        return None
    unit = Unit.of(facts, bits, threads)
    known = _known(motif)

    def choose(fixed: Mapping[str, int]) -> Mapping[str, Choice]:
        blocks = best_blocks(extents, unit, fixed)
        why = _why(extents, blocks, unit, known)
        return {name: Choice(getattr(blocks, name), why) for name in NAMES}

    def candidates() -> tuple[Candidate, ...]:
        return ranked_blocks(extents, unit)

    def broken(values: Mapping[str, Any]) -> list[str]:
        return problems(values, unit)

    return MotifChoice(motif.key, choose, broken, _signature(motif, facts, threads), candidates)


def _on_tiles(motif: Motif, facts: Any, bf16_unit: str) -> bool:
    """Whether the stage multiplies this motif with matrix tiles."""
    if bf16_unit != AMX.name or facts.simd_bits != AMX_SIMD_BITS:
        return False
    if isinstance(motif, Contraction):
        types = (motif.lhs.dtype, motif.rhs.dtype, motif.compute)
    elif isinstance(motif, Convolution):
        types = (motif.lhs, motif.rhs, motif.dtype)
    else:
        return False
    extents = extents_of(motif)
    fits = extents is not None and suits_tiles(extents.rows, extents.inner)
    return fits and types == ("bf16", "bf16", "f32")


def _matrix_choice(motif: Motif, facts: Any, threads: int) -> MotifChoice:
    extents, unit = extents_of(motif), Unit.of(facts, 32, threads)
    assert extents is not None

    def choose(fixed: Mapping[str, int]) -> Mapping[str, Choice]:
        blocks = best_matrix_blocks(extents, unit, fixed)
        why = matrix_reason(extents, blocks)
        return {name: Choice(getattr(blocks, name), why) for name in NAMES}

    def candidates() -> tuple[Candidate, ...]:
        return ranked(matrix_candidates(extents, unit), TILE)

    work = f"{_signature(motif, facts, threads)}, {AMX.name}"
    return MotifChoice(motif.key, choose, matrix_problems, work, candidates)


def _signature(motif: Motif, facts: Any, threads: int) -> str:
    """What a record of good parameters is for: the work and what does it, not the program it is
    in."""
    if isinstance(motif, Contraction):
        layouts = (motif.lhs.stored, motif.rhs.stored, motif.result)
    else:
        layouts = getattr(motif, "layouts", ("", "", ""))
    unit = f"{facts.simd_bits}-bit vectors, {threads} threads"
    return f"{motif.kind} {motif.describe()}, {' '.join(layouts)}, {unit}"


def _bits(motif: Motif) -> int | None:
    """Bits of the type that is multiplied in; None for types without vector code."""
    name = motif.compute if isinstance(motif, Contraction) else getattr(motif, "dtype", "")
    found = _TYPES.fullmatch(name)
    return int(found[1]) if found and int(found[1]) in (16, 32, 64) else None


def _known(motif: Motif) -> bool:
    sizes = [getattr(motif, name, 1) for name in ("m", "n", "k", "batch", "channels", "features")]
    return None not in sizes and None not in getattr(motif, "space", ())


def _extents(
    batch: int | None, rows: int | None, columns: int | None, inner: int | None
) -> Extents:
    sizes = [UNKNOWN if size is None else max(1, size) for size in (rows, columns, inner)]
    return Extents(1 if batch is None else max(1, batch), *sizes)


def _product(sizes: Iterable[int | None]) -> int | None:
    found = list(sizes)
    return None if None in found else math.prod(size for size in found if size is not None)


@functools.lru_cache(maxsize=4096)
def _best(extents: Extents, unit: Unit, fixed: tuple[tuple[str, int], ...]) -> Blocks:
    wanted = dict(fixed)

    def cost(blocks: Blocks) -> tuple[float, int]:
        return cycles(extents, blocks, unit), -blocks.mc * blocks.nc

    def first(tile: tuple[int, int]) -> tuple[float, int]:
        least = min(
            cycles(extents, b, unit) for b in _blocks(tile, extents, unit, wanted, (384,), (4,))
        )
        return least, -tile[0] * tile[1]

    tiles = sorted(_tiles(extents, unit, wanted), key=first)[:_TILES]
    return min((b for tile in tiles for b in _blocks(tile, extents, unit, wanted)), key=cost)


def _tiles(extents: Extents, unit: Unit, wanted: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Register tiles that leave a quarter of the registers for the factors on their way."""
    room = unit.registers - unit.registers // 4
    # Four vectors take long to load; they pay where rows are too few to hide latency.
    few = extents.rows * 2 < LATENCY * FUSED_PER_CYCLE
    for vectors in (1, 2, 3, 4) if few else (1, 2, 3):
        nr = wanted.get("nr", vectors * unit.lanes)
        most = min(_ROWS, unit.lanes, extents.rows, max(1, room // max(1, nr // unit.lanes)))
        for mr in [wanted["mr"]] if "mr" in wanted else range(1, max(1, most) + 1):
            # A block that is given is a whole number of tiles, if any tile fits.
            whole = wanted.get("mc", 0) % mr == 0 and wanted.get("nc", 0) % nr == 0
            fits = whole and registers_of(mr, nr, unit) <= unit.registers
            if fits or (vectors == 1 and ("mr" in wanted or mr == 1)):
                yield mr, nr


def _blocks(
    tile: tuple[int, int],
    extents: Extents,
    unit: Unit,
    wanted: Mapping[str, int],
    longest: Iterable[int] = (128, 192, 256, 384, 512, 1024),
    parts: Iterable[int] = (16, 8, 4, 2),
) -> Iterator[Blocks]:
    """Blocks around what the caches hold: the ``parts`` of the second one."""
    mr, nr = tile
    for kc in _fixed(wanted, "kc", _pieces(extents.inner, longest)):
        for part in parts:
            elements = unit.l2 // part // (kc * unit.bytes)
            for mc in _fixed(wanted, "mc", {_fit(elements, mr, extents.rows)}):
                for nc in _fixed(wanted, "nc", {_fit(elements, nr, extents.columns)}):
                    yield Blocks(mr, nr, mc, nc, kc)


def _fixed(wanted: Mapping[str, int], name: str, candidates: Iterable[int]) -> Iterable[int]:
    return [wanted[name]] if name in wanted else sorted(candidates)


def _pieces(inner: int, longest: Iterable[int]) -> set[int]:
    """``inner`` in equal pieces of at most each of ``longest``."""
    return {math.ceil(inner / math.ceil(inner / most)) for most in longest}


def _fit(elements: int, tile: int, extent: int) -> int:
    """A multiple of ``tile`` near ``elements``, not beyond ``extent`` (rounded up to a tile)."""
    whole = math.ceil(extent / tile) * tile
    return min(whole, max(tile, elements // tile * tile))


def _why(extents: Extents, blocks: Blocks, unit: Unit, known: bool) -> str:
    """The estimate against what the arithmetic units can do at most."""
    taken = cycles(extents, blocks, unit)
    products = extents.batch * extents.rows * extents.columns * extents.inner
    least = products / (unit.lanes * FUSED_PER_CYCLE * unit.threads)
    sizes = "" if known else f", sizes known at run time taken as {UNKNOWN}"
    return (
        f"{registers_of(blocks.mr, blocks.nr, unit)} of {unit.registers} registers, "
        f"{blocks.mc * blocks.kc * unit.bytes >> 10} KiB of rows in the second cache, "
        f"{100 * least / taken:.0f}% of peak estimated{sizes}"
    )
