"""The parameters of a product's kernel, and what they must satisfy.

A workgroup computes ``wg_m`` x ``wg_n`` elements of the result, each of its subgroups ``sg_m`` x
``sg_n``, ``k_tile`` steps of the inner dimension at a time. Loads bring ``load_a_m`` x 16 of A and
``load_b_k`` x 16 of B per instruction (16 x 16 where a factor is stored transposed), and
``prefetch`` says how many k tiles ahead the caches are asked. No size of a matrix restricts them:
edges are clipped by the block instructions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from pharos.targets.xegpu.facts import XeGpuFacts

# dpas for 16-bit factors: 8 x 16 += 8 x 16 * 16 x 16 (PVC, Xe2: repeat count 8, depth 8).
DPAS_M, DPAS_N, DPAS_K = 8, 16, 16
_LOADS = (8, 16, 32)
_SPARE = 24  # registers for addresses, counters and a scattered epilogue


@dataclass(frozen=True)
class Tiles:
    """One choice; see the module's docstring."""

    wg_m: int
    wg_n: int
    sg_m: int
    sg_n: int
    k_tile: int
    load_a_m: int
    load_b_k: int
    prefetch: int = 1

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of subgroups."""
        return self.wg_m // self.sg_m, self.wg_n // self.sg_n

    @property
    def subgroups(self) -> int:
        rows, columns = self.grid
        return rows * columns

    def registers(self, facts: XeGpuFacts) -> int:
        """Registers for the sums and one k tile of both factors."""
        sums = 4 * self.sg_m * self.sg_n
        factors = 2 * self.k_tile * (self.sg_m + self.sg_n)
        return (sums + factors) // facts.register_bytes

    def values(self) -> dict[str, int]:
        return asdict(self)


NAMES = tuple(field.name for field in fields(Tiles))


def problems(values: Mapping[str, Any], facts: XeGpuFacts) -> list[str]:
    """The constraints that ``values`` break, each in a sentence; none for legal tiles."""
    known = ", ".join(NAMES)
    found = [f"{name} is no parameter of it; there are {known}" for name in values.keys() - NAMES]
    missing = [name for name in NAMES if name not in values]
    found += [f"{name} is missing" for name in missing]
    for name, value in values.items():
        least = 0 if name == "prefetch" else 1
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 1 << 12:
            found.append(f"{name} = {value} is not an integer from {least} to {1 << 12}")
    if found:
        return found
    tiles = Tiles(**values)
    return [*_divisions(tiles), *_loads(tiles), *_room(tiles, facts)]


def _divisions(tiles: Tiles) -> list[str]:
    pairs = (
        ("sg_m", tiles.sg_m, "the rows of dpas", DPAS_M),
        ("sg_n", tiles.sg_n, "the columns of dpas", DPAS_N),
        ("k_tile", tiles.k_tile, "the depth of dpas", DPAS_K),
        ("wg_m", tiles.wg_m, "sg_m", tiles.sg_m),
        ("wg_n", tiles.wg_n, "sg_n", tiles.sg_n),
        ("sg_m", tiles.sg_m, "load_a_m", tiles.load_a_m),
        ("k_tile", tiles.k_tile, "load_b_k", tiles.load_b_k),
    )
    return [
        f"{name} = {value} is not a multiple of {what} = {size}"
        for name, value, what, size in pairs
        if value % size
    ]


def _loads(tiles: Tiles) -> list[str]:
    found = []
    for name, value in (("load_a_m", tiles.load_a_m), ("load_b_k", tiles.load_b_k)):
        if value not in _LOADS:
            found.append(f"{name} = {value} is none of {', '.join(map(str, _LOADS))}")
    if tiles.load_b_k % DPAS_K:
        found.append(f"load_b_k = {tiles.load_b_k} is not a multiple of {DPAS_K}")
    return found


def _room(tiles: Tiles, facts: XeGpuFacts) -> list[str]:
    found = []
    most = min(facts.threads, facts.max_block // facts.subgroup_size)
    if tiles.subgroups > most:
        found.append(f"{tiles.subgroups} subgroups in a workgroup are more than {most}")
    needed = tiles.registers(facts) + _SPARE
    if needed > facts.thread_registers:
        found.append(f"{needed} registers are needed, a subgroup has {facts.thread_registers}")
    return found


def default_tiles(m: int, n: int) -> Tiles:
    """Legal tiles for any ``m`` x ``n``: 128 x 128 in 32 x 32, less where the result is smaller."""
    sg_m = next((size for size in (8, 16, 32) if m <= size), 32)
    sg_n = 16 if n <= 16 else 32
    wg_m = min(4, _pieces(m, sg_m)) * sg_m
    wg_n = min(4, _pieces(n, sg_n)) * sg_n
    return Tiles(wg_m, wg_n, sg_m, sg_n, 32, sg_m, 32)


def _pieces(size: int, piece: int) -> int:
    """How many pieces cover ``size``, as the next power of two."""
    count = 1
    while count * piece < size:
        count *= 2
    return count
