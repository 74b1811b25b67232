"""The table of all meanings, by family."""

from __future__ import annotations

from pharos.simt.meanings import Meanings
from pharos.targets.nvidia.meanings import (
    accumulators,
    approximations,
    barriers,
    bulk_copies,
    conversions,
    copies,
    matrix_moves,
    mbarriers,
    mma,
    printing,
    proxies,
    shuffles,
    special_registers,
    tensor_copies,
    votes,
    wgmma,
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
    copies.TABLE,
    mbarriers.TABLE,
    bulk_copies.TABLE,
    tensor_copies.TABLE,
    proxies.TABLE,
    wgmma.TABLE,
    accumulators.TABLE,
    printing.TABLE,
)
TABLE = Meanings("nvidia", *FAMILIES)
