"""The tables that meanings are entered in, a family each."""

from __future__ import annotations

from pharos.simt import Meanings

PLACES = Meanings("places and barriers")
SHUFFLES = Meanings("shuffles")
BLOCKS = Meanings("2-D blocks")
MATRICES = Meanings("matrices")
HINTS = Meanings("hints")
FAMILIES = (PLACES, SHUFFLES, BLOCKS, MATRICES, HINTS)
TABLE = Meanings("xegpu", *FAMILIES)
