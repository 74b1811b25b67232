"""What the instructions of AMD's GPUs mean, for the simulator: one table of all parts.

Lanes that read each other (readlane, ds_bpermute, DPP, ballot, matrix products) meet first: all
lanes of the wave must come to the instruction. On hardware the lanes that are switched off are left
out; here it is a fault, because which lanes are off is nothing a kernel of ours relies on. Lanes
that a wave does not have (the last one of a block) count as switched off.
"""

from pharos.simt import Meanings
from pharos.targets.amd.meanings import (
    barriers,
    buffers,
    ids,
    lanes,
    maths,
    matrices,
    printing,
    row_moves,
    swizzles,
)

FAMILIES = (
    ids.TABLE,
    lanes.TABLE,
    swizzles.TABLE,
    row_moves.TABLE,
    barriers.TABLE,
    matrices.TABLE,
    buffers.TABLE,
    maths.TABLE,
    printing.TABLE,
)
TABLE = Meanings("amd", *FAMILIES)
