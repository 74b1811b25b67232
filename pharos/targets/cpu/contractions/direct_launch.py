"""The calls of a direct convolution, cut over threads by rows or by panels of filters."""

from __future__ import annotations

from typing import Any

from pharos.targets.common.nests import index
from pharos.targets.cpu.contractions.direct import DirectPlan
from pharos.targets.cpu.contractions.direct_kernel import DirectLoops
from pharos.targets.cpu.contractions.kernel import shared_length
from pharos.targets.cpu.contractions.launch import Launcher
from pharos.targets.cpu.contractions.site import Site, allocate, free
from pharos.targets.cpu.kernels import call, row


class DirectLauncher(Launcher):
    """Writes the functions of a ``DirectPlan`` and calls them at the insertion point."""

    plan: DirectPlan

    def _write_tiles(self, site: Site, low: Any, high: Any, batch: Any, shared: Any) -> None:
        zero, part = index.constant(0), (low, high)
        loops = DirectLoops(site, self.plan, batch, shared)
        if self.plan.by_panels:
            loops.write((zero, index.constant(self._lines())), part)
        else:
            loops.write(part, (zero, site.count("rows")))

    def _lines(self) -> int:
        lines = 1
        for window in self.plan.direct.others:
            lines *= window.outs
        return lines

    def _shared_by(self, threads: int, batch: Any, arguments: list[Any]) -> None:
        """One batch: each thread packs filters, then does its panels or its rows."""
        filters = allocate(self.plan.panel_element, shared_length(self.site))
        panels = row(filters)
        lanes = self.plan.tiles.mr

        def pack(low: Any, high: Any) -> None:
            call(self.pack, [low, high, batch, *arguments, panels])

        def tiles(low: Any, high: Any) -> None:
            call(self.tiles, [low, high, batch, *arguments, panels])

        def both(low: Any, high: Any) -> None:
            pack(low, high)
            tiles(low, high)

        count = self.site.count("rows")
        if self.plan.by_panels:
            self._parallel(count, lanes, threads, both)
        else:
            self._parallel(count, lanes, threads, pack)
            self._parallel(index.constant(self._lines()), 1, threads, tiles)
        free([filters])
