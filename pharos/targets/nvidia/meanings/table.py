"""The table of all meanings, by family."""

from __future__ import annotations

from pharos.simt.meanings import Meanings
from pharos.targets.nvidia.meanings import (
    approximations,
    barriers,
    conversions,
    matrix_moves,
    mbarriers,
    mma,
    shuffles,
    special_registers,
    votes,
)

FAMILIES = (
    special_registers.TABLE,
    shuffles.TABLE,
    votes.TABLE,
    barriers.TABLE,
    approximations.TABLE,
    conversions.TABLE,
    matrix_moves.TABLE,
    mma.TABLE,
    mbarriers.TABLE,
)
TABLE = Meanings("nvidia", *FAMILIES)
