"""Parameters of fused attention on a CPU, from an analytic model of the kernels in
``targets.cpu.attention``.

Blocks of query rows: scores and weighted sums are two products with register tiles of vectors of
queries times rows of keys or columns of values; between them, a vector of weights takes as many
cycles as its arithmetic. Where a CPU multiplies pairs of bf16, products take half as many steps, or
are those of matrix tiles. Few query rows: memory alone counts, and the keys are split where there
are fewer batches than threads. Every size gets parameters.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pharos.params.blocking import BYTES_PER_CYCLE, FUSED_PER_CYCLE, LATENCY, LOADS_PER_CYCLE
from pharos.params.candidates import ranked
from pharos.params.matrix_blocks import PRODUCT, SIDE
from pharos.params.values import strange
from pharos.payload import Attention
from pharos.pipeline import Candidate, Choice, MotifChoice
from pharos.targets.cpu.attention.parameters import (
    DEEPEST,
    FEW_ROWS,
    KEY_STEP,
    NAMES,
    Unit,
    even,
    few,
    key_step,
    multiply_unit,
    register_rows,
    why_not_pairs,
)
from pharos.targets.cpu.contractions.units import AMX, FMA, MultiplyUnit

UNKNOWN = 1024  # taken for a number of queries or keys that is known only at run time
_LONGEST = 1 << 16
# Cycles of a vector of scores: load, subtract, the 12 steps of the exponential, add, store.
_WEIGHT = 8.0
_BEGIN = 32.0  # cycles to begin a register tile: pointers, sums, the loop's end
_FEWEST = 256  # keys of a split: joining splits must not be what takes the time
# The part of the time to read the second cache that arithmetic does not hide; queries are read in
# the order of memory, and 64 of depth 128, which fill the first cache, lose nothing to 48.
_STALLS, _QUERIES = 0.3, 0.05
# Cycles of two vectors of weights rounded to one of pairs; of a vector of sums from and to memory;
# of a vector of keys or values widened, or transposed as pairs.
_ROUND, _MOVE, _COPY = 2.0, 2.0, 2.5
_AMX = 16  # times the products of f32 of a vector unit
# Cycles that a load costs beside multiplications: tiles of 32 rows, with more loads, lose 5 to 8%.
_LOADING = 0.2


@dataclass(frozen=True)
class Work:
    """``batches`` (heads included) of ``queries`` and ``keys``; head sizes of Q and K and of V;
    bytes of an element of K and V; ``shared`` query heads have the same keys; ``causal`` if later
    queries see more of them; ``unit`` is what multiplies."""

    batches: int
    queries: int
    keys: int
    depth: int
    value_depth: int
    bytes: int
    shared: int = 1
    causal: bool = False
    unit: MultiplyUnit = FMA

    @property
    def by_rows(self) -> bool:
        """Whether keys are on lanes."""
        return few(self.queries, (self.depth, self.value_depth))


@dataclass(frozen=True)
class Machine:
    """Numbers of f32 in a register, registers, threads, bytes of the first two caches."""

    lanes: int
    registers: int
    threads: int
    l1: int
    l2: int


@dataclass(frozen=True)
class Tiles:
    """The parameters, as ``targets.cpu.attention.parameters`` describes them."""

    query_tile: int
    query_block: int
    key_tile: int
    key_splits: int
    threads: int


def cpu_attention(
    payload_facts: Any,
    target_facts: Any,
    simd_bits: int,
    registers: int,
    threads: int,
    bf16_unit: str = FMA.name,
) -> tuple[MotifChoice, ...]:
    """The values of ``NAMES`` for every attention that the kernels take: head sizes are known, and
    at most ``DEEPEST``. ``bf16_unit`` multiplies bf16, where that helps."""
    motifs = payload_facts.walk() if payload_facts is not None else ()
    facts, unit = target_facts, Unit(simd_bits, registers, threads, bf16_unit)
    machine = Machine(unit.width, registers, threads, facts.l1d, facts.l2)
    works = ((motif, work_of(motif, unit)) for motif in motifs)
    return tuple(_choice(motif, work, machine, unit) for motif, work in works if work is not None)


def work_of(motif: Any, unit: Unit) -> Work | None:
    """The work of an attention; None for other motifs and for what the kernels do not take."""
    if not isinstance(motif, Attention) or motif.obstacle:
        return None
    depths = motif.depth, motif.value_depth
    if None in depths or not all(0 < (depth or 0) <= DEEPEST for depth in depths):
        return None
    queries, keys = (UNKNOWN if s is None else max(1, s) for s in (motif.queries, motif.keys))
    depth, value_depth = motif.depth or 1, motif.value_depth or 1
    multiply = multiply_unit(motif.stored, motif.queries, motif.keys, (depth, value_depth), unit)
    return Work(
        motif.batch or 1, queries, keys, depth, value_depth, 4 if motif.stored[1] == "f32" else 2,
        motif.shared or 1, motif.mask == "causal", multiply,
    )  # fmt: skip


@functools.lru_cache(maxsize=4096)
def best(work: Work, machine: Machine, fixed: tuple[tuple[str, int], ...] = ()) -> Tiles:
    """The cheapest tiles among those that have the values ``fixed``."""
    wanted = dict(fixed)
    return min(_candidates(work, machine, wanted), key=lambda t: cycles(t, work, machine))


def cycles(tiles: Tiles, work: Work, machine: Machine) -> float:
    """Estimated cycles on all threads."""
    if work.by_rows:
        return _cycles_by_rows(tiles, work, machine)
    blocks = math.ceil(work.queries / tiles.query_block)
    items = work.batches * blocks
    groups = math.ceil(work.queries / tiles.query_tile) / blocks
    steps = work.keys / tiles.key_tile
    each = steps * (groups * _tile(tiles, work, machine) + _staging(tiles, work, machine))
    threads = min(tiles.threads, items)
    # Blocks of rows that see more keys than others leave a thread with up to half a block more.
    uneven = 0.5 if work.causal and blocks > 1 and threads > 1 else 0.0
    return (math.ceil(items / threads) + uneven) * each


def _tile(tiles: Tiles, work: Work, machine: Machine) -> float:
    """Cycles of one tile of query rows with one tile of keys."""
    vectors = max(1, tiles.query_tile // machine.lanes)
    most = register_rows(vectors, machine.registers)
    rows = even(work.value_depth, most)
    weights = tiles.key_tile * vectors * (_WEIGHT + (_ROUND if work.unit.pairs else 0.0))
    if work.unit is AMX:
        rows = 2 * SIDE
        moved = vectors * (tiles.key_tile + work.value_depth) * _MOVE
        products = _matrix_products(tiles, work) + moved
        return products + weights + _reading(tiles, work, machine, rows, rows)
    each = 2 if work.unit.pairs else 1
    depth, keys = math.ceil(work.depth / each), tiles.key_tile / each
    scores = tiles.key_tile / most * (depth * _step(vectors, most) + _BEGIN + vectors * most)
    begin = _BEGIN + 3 * vectors * rows
    sums = work.value_depth / rows * (keys * _step(vectors, rows) + begin)
    return scores + weights + sums + _reading(tiles, work, machine, most, rows)


def _matrix_products(tiles: Tiles, work: Work) -> float:
    """Cycles of both products by matrix tiles."""
    rows, columns, keys, values = (
        math.ceil(extent / part)
        for extent, part in (
            (tiles.key_tile, SIDE), (work.depth, 2 * SIDE), (tiles.key_tile, 2 * SIDE),
            (work.value_depth, SIDE),
        )
    )  # fmt: skip
    return PRODUCT * math.ceil(tiles.query_tile / SIDE) * (rows * columns + values * keys)


def _step(vectors: int, rows: int) -> float:
    """Cycles of a step of a register tile whose operands are in the first cache."""
    sums = vectors * rows
    waiting = LATENCY if sums < LATENCY * FUSED_PER_CYCLE else 0
    loads = vectors + rows
    return max(sums / FUSED_PER_CYCLE, loads / LOADS_PER_CYCLE, waiting) + _LOADING * loads


def _reading(tiles: Tiles, work: Work, machine: Machine, most: int, rows: int) -> float:
    """Cycles to bring operands of a tile into the first cache: keys and values once, queries for
    each few keys and weights for each few columns where they do not stay there."""
    queries, weights = (4 * tiles.query_tile * n for n in (work.depth, tiles.key_tile))
    moved = _STALLS * 4 * tiles.key_tile * (work.depth + work.value_depth)
    if queries + 4 * most * work.depth > 0.9 * machine.l1:
        moved += _QUERIES * queries * tiles.key_tile / most
    if weights + 64 * tiles.key_tile > 0.9 * machine.l1:
        moved += _STALLS * weights * work.value_depth / rows
    return moved / BYTES_PER_CYCLE["l2"]


def _staging(tiles: Tiles, work: Work, machine: Machine) -> float:
    """Cycles to fetch a tile of keys and values, and to widen them."""
    elements = tiles.key_tile * (work.depth + work.value_depth)
    state = 4 * tiles.query_block * (work.depth + work.value_depth)
    own = 4 * elements + state
    level = "l2" if own <= 0.5 * machine.l2 else "l3"
    widened = elements / machine.lanes * _COPY if work.bytes < 4 else 0.0
    again = _STALLS * state / BYTES_PER_CYCLE["l3"] if level == "l3" else 0.0
    return widened + elements * work.bytes / BYTES_PER_CYCLE["l3"] * _STALLS + again


def _cycles_by_rows(tiles: Tiles, work: Work, machine: Machine) -> float:
    """Keys and values come from memory once; each tile of them ends in a look at the maximum."""
    items = max(1, work.batches // work.shared) * tiles.key_splits
    keys = math.ceil(work.keys / tiles.key_splits)
    elements = keys * (work.depth + work.value_depth)
    begin = 4 * _BEGIN * work.shared * work.queries * math.ceil(keys / tiles.key_tile)
    tile = tiles.key_tile * (work.depth + work.value_depth) * work.bytes
    level = "l2" if tile <= 0.25 * machine.l2 else "l3"
    again = elements * work.bytes / BYTES_PER_CYCLE[level] * (work.shared * work.queries - 1)
    joining = _BEGIN * tiles.key_splits * work.shared if tiles.key_splits > 1 else 0.0
    each = elements * work.bytes / BYTES_PER_CYCLE["memory"] + begin + again + joining
    threads = min(tiles.threads, items)
    return math.ceil(items / threads) * each


def _candidates(work: Work, machine: Machine, wanted: Mapping[str, int]) -> Iterator[Tiles]:
    threads = wanted.get("threads", machine.threads)
    most = max(1, (machine.registers - 2) // 4)
    needed = math.ceil(work.queries / machine.lanes)
    rows = [machine.lanes * v for v in range(1, min(most, needed) + 1)]
    if work.by_rows:
        rows = [machine.lanes]
    if work.unit is AMX:  # two tiles side by side need half as many loads
        rows = [tile for tile in rows if tile % (2 * SIDE) == 0] or rows[:1]
    block = wanted.get("query_block", 0)
    fitting = [tile for tile in rows if block % tile == 0] or [math.gcd(block, machine.lanes) or 1]
    for tile in [wanted["query_tile"]] if "query_tile" in wanted else fitting:
        most_groups = 1 if work.by_rows else min(8, math.ceil(work.queries / tile))
        blocks = [tile * groups for groups in range(1, most_groups + 1)]
        for query_block in [block] if block else blocks:
            for key_tile in _key_tiles(work, wanted):
                for splits in _splits(work, threads, wanted):
                    yield Tiles(tile, query_block, key_tile, splits, threads)


def _key_tiles(work: Work, wanted: Mapping[str, int]) -> list[int]:
    if "key_tile" in wanted:
        return [wanted["key_tile"]]
    step = key_step(work.unit)
    most = math.ceil(work.keys / step) * step
    return [size for size in range(step, 257, step) if size <= max(most, step)]


def _splits(work: Work, threads: int, wanted: Mapping[str, int]) -> list[int]:
    if "key_splits" in wanted:
        return [wanted["key_splits"]]
    if not work.by_rows:
        return [1]
    return list(range(1, max(1, min(threads, work.keys // _FEWEST)) + 1))


def problems(values: Mapping[str, Any], work: Work, machine: Machine) -> list[str]:
    """The constraints that ``values`` break, each in a sentence; none for legal tiles."""
    found = strange(values, NAMES, _LONGEST)
    return found or _broken(Tiles(**{name: values[name] for name in NAMES}), work, machine)


def _broken(tiles: Tiles, work: Work, machine: Machine) -> list[str]:
    found = []
    if tiles.query_tile % machine.lanes:
        found.append(
            f"query_tile = {tiles.query_tile} is not a multiple of {machine.lanes}, the numbers in "
            "a vector register"
        )
    needed = 2 * math.ceil(tiles.query_tile / machine.lanes) + 1
    if needed > machine.registers:
        found.append(
            f"query_tile = {tiles.query_tile} needs {needed} vector registers, "
            f"there are {machine.registers}"
        )
    if tiles.query_block % tiles.query_tile:
        found.append(
            f"query_block = {tiles.query_block} is not a multiple of query_tile = "
            f"{tiles.query_tile}"
        )
    step = key_step(work.unit)
    if tiles.key_tile % step:
        why = f", as {work.unit.name} needs" if step > KEY_STEP else ""
        found.append(f"key_tile = {tiles.key_tile} is not a multiple of {step}{why}")
    if tiles.key_splits > 1 and not work.by_rows:
        found.append(
            f"key_splits = {tiles.key_splits} with {work.queries} queries: keys are split for at "
            f"most {FEW_ROWS} of them"
        )
    if tiles.key_splits > max(1, work.keys):
        found.append(f"key_splits = {tiles.key_splits} is more than the {work.keys} keys")
    return found


def _choice(motif: Attention, work: Work, machine: Machine, unit: Unit) -> MotifChoice:
    depths = work.depth, work.value_depth
    kept = why_not_pairs(motif.stored, motif.queries, depths, unit)
    own = "bf16" in motif.stored and unit.bf16_unit != FMA.name
    multiply = f", multiplied in f32: {kept}" if kept and own else ""

    def choose(fixed: Mapping[str, int]) -> Mapping[str, Choice]:
        tiles = best(work, machine, tuple(sorted(fixed.items())))
        why = _why(tiles, work, machine, None in (motif.queries, motif.keys)) + multiply
        return {name: Choice(getattr(tiles, name), why) for name in NAMES}

    def broken(values: Mapping[str, Any]) -> list[str]:
        return problems(values, work, machine)

    def candidates() -> tuple[Candidate, ...]:
        tiles = _candidates(work, machine, {})
        priced = (Candidate(asdict(t), cycles(t, work, machine)) for t in tiles)
        return ranked(priced, NAMES[:2])

    stored = " ".join(motif.stored)
    on = f"{stored}, {unit.bits}-bit vectors, {machine.threads} threads, {work.unit.name}"
    signature = f"{motif.kind} {motif.describe()}, {on}"
    return MotifChoice(motif.key, choose, broken, signature, candidates)


def _why(tiles: Tiles, work: Work, machine: Machine, open_: bool) -> str:
    sizes = f", sizes known at run time taken as {UNKNOWN}" if open_ else ""
    if work.by_rows:
        moved = work.keys * (work.depth + work.value_depth) * work.bytes
        moved *= max(1, work.batches // work.shared)
        return (
            f"{work.queries} queries: keys on lanes, {moved >> 10} KiB of keys and values read once"
            f"{sizes}"
        )
    vectors = tiles.query_tile // machine.lanes
    rows = register_rows(vectors, machine.registers)
    products = work.batches * work.queries * work.keys * (work.depth + work.value_depth)
    least = products / (machine.lanes * FUSED_PER_CYCLE * tiles.threads)
    sums = f"sums in {vectors * rows} of {machine.registers} registers"
    if work.unit is AMX:
        sums, least = "pairs of bf16 by AMX, sums in 4 of 8 matrix tiles", least / _AMX
    elif work.unit.pairs:
        sums, least = f"pairs of bf16 by {work.unit.name}, {sums}", least / 2
    return (
        f"{sums}, {4 * tiles.query_tile * tiles.key_tile >> 10} KiB of scores, "
        f"{100 * least / cycles(tiles, work, machine):.0f}% of peak estimated{sizes}"
    )
