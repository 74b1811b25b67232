"""The parameters of an attention's kernel, and what they must satisfy.

A workgroup computes ``rows`` queries, each of its subgroups ``sub_rows`` of them and every column
of the result. It goes through the keys ``keys`` at a time; of a tile of K or V it has ``columns``
in registers at a time, and asks the caches for tiles ``prefetch`` ahead. ``splits`` workgroups
share the keys of the same queries, and a second kernel joins what they found. No size of an
attention restricts them: what is outside is clipped or masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from pharos.targets.xegpu.facts import XeGpuFacts

# dpas for 16-bit factors: 8 x 16 += 8 x 16 * 16 x 16 (PVC, Xe2: repeat count 8, depth 8).
DPAS_ROWS, DPAS_COLUMNS = 8, 16
SPARE = 24  # registers for addresses, counters, the maxima and sums of rows
_LEAST = {"prefetch": 0}
_MOST = {"rows": 1024, "sub_rows": 64, "keys": 256, "columns": 256, "prefetch": 8, "splits": 256}


@dataclass(frozen=True)
class Tiles:
    """One choice; see the module's docstring."""

    rows: int
    sub_rows: int
    keys: int
    columns: int
    prefetch: int = 1
    splits: int = 1

    @property
    def subgroups(self) -> int:
        """Subgroups of a workgroup."""
        return self.rows // self.sub_rows

    def registers(self, dk: int, dv: int, facts: XeGpuFacts, gathered: int = 0) -> int:
        """Registers of a subgroup: sums and Q, a tile of scores as f32 and as weights, and part
        of a tile of K or V; with the places of ``gathered`` masks, 8 bytes for each score."""
        held = 4 * self.sub_rows * _whole(dv) + 2 * self.sub_rows * _whole(dk)
        scores = (4 + 2 + 8 * gathered) * self.sub_rows * self.keys
        moved = 2 * self.keys * min(self.columns, max(_whole(dk), _whole(dv)))
        products = 4 * self.sub_rows * self.keys
        return (held + max(scores, products + moved)) // facts.register_bytes

    def values(self) -> dict[str, int]:
        """The parameters by name."""
        return asdict(self)


NAMES = tuple(field.name for field in fields(Tiles))


def problems(values: Mapping[str, Any], dk: int, dv: int, facts: XeGpuFacts) -> list[str]:
    """The constraints that ``values`` break for heads of ``dk`` and ``dv``, each in a sentence;
    none for legal ones."""
    known = ", ".join(NAMES)
    found = [f"{name} is no parameter of it; there are {known}" for name in values.keys() - NAMES]
    found += [f"{name} is missing" for name in NAMES if name not in values]
    for name in (name for name in NAMES if name in values):
        value, least, most = values[name], _LEAST.get(name, 1), _MOST[name]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            found.append(f"{name} = {value} is not an integer from {least} to {most}")
    if found:
        return found
    tiles = Tiles(**values)
    return [*_divisions(tiles), *_room(tiles, dk, dv, facts)]


def _divisions(tiles: Tiles) -> list[str]:
    pairs = (
        ("sub_rows", tiles.sub_rows, "the rows of dpas", DPAS_ROWS),
        ("keys", tiles.keys, "the columns of dpas", DPAS_COLUMNS),
        ("columns", tiles.columns, "the columns of dpas", DPAS_COLUMNS),
        ("rows", tiles.rows, "sub_rows", tiles.sub_rows),
    )
    return [
        f"{name} = {value} is not a multiple of {what} = {size}"
        for name, value, what, size in pairs
        if value % size
    ]


def _room(tiles: Tiles, dk: int, dv: int, facts: XeGpuFacts) -> list[str]:
    found = []
    most = min(facts.threads, facts.max_block // facts.subgroup_size)
    if tiles.subgroups > most:
        found.append(f"{tiles.subgroups} subgroups in a workgroup are more than {most}")
    needed = tiles.registers(dk, dv, facts) + SPARE
    if needed > facts.thread_registers:
        found.append(f"{needed} registers are needed, a subgroup has {facts.thread_registers}")
    return found


def default_tiles(m: int, dk: int, dv: int, facts: XeGpuFacts) -> Tiles:
    """Legal tiles for ``m`` queries with heads of ``dk`` and ``dv``, for what no selector has
    seen. The registers of heads that ``attention.reach`` takes are enough for the last ones."""
    wanted = ((16, 64, 32), (16, 32, 32), (8, 64, 64), (8, 32, 32), (8, 16, 16))
    for sub_rows, keys, columns in wanted:
        if sub_rows > 8 and m <= 8:
            continue
        count = min(8, max(1, -(-m // sub_rows)))
        tiles = Tiles(count * sub_rows, sub_rows, keys, columns)
        if not problems(tiles.values(), dk, dv, facts):
            return tiles
    return Tiles(8, 8, 16, 16)


def _whole(depth: int) -> int:
    """``depth`` rounded up to whole columns of dpas."""
    return -(-depth // DPAS_COLUMNS) * DPAS_COLUMNS
