"""The table that all meanings are entered in."""

from __future__ import annotations

from pharos.simt import Meanings

TABLE = Meanings("xegpu")
