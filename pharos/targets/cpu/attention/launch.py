"""The calls of an attention's kernel functions, cut over threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.merge import MergeLoops
from pharos.targets.cpu.attention.records import partial_rows, work_items
from pharos.targets.cpu.attention.rows import RowLoops
from pharos.targets.cpu.attention.site import Inside, Plan
from pharos.targets.cpu.attention.tiles import TileLoops
from pharos.targets.cpu.contractions.site import allocate, free
from pharos.targets.cpu.kernels import call, code_of, write_function
from pharos.targets.cpu.threads import each_thread, shared_already


class Launcher:
    """Writes the functions of ``plan`` into ``module`` and calls them at the insertion point."""

    def __init__(self, module: Any, plan: Plan, name: str, known: dict[str, str]) -> None:
        """``known`` has the names of functions by their text: equal ones are compiled once."""
        self.module, self.plan, self.name, self.known = module, plan, name, known

    def write(self) -> None:
        """Write everything."""
        values = list(self.plan.values)
        call(self._function("attention", [v.type for v in values], self._attention), values)

    def _attention(self, values: list[Any]) -> None:
        """The body of the function that does it all."""
        inside = Inside(self.plan, values)
        if self.plan.tiles.by_rows:
            self._by_rows(inside, values)
            return
        site, tiles = self.plan.site, self.plan.tiles
        blocks = index.ceil_div(inside.counts[site.m], tiles.query_block)
        items = index.mul(inside.total(site.batch), blocks)
        self._shared("blocks", items, values, lambda i, low, high, _: TileLoops(i, low, high))

    def _by_rows(self, inside: Inside, values: list[Any]) -> None:
        splits = self.plan.tiles.key_splits
        items = work_items(inside)
        partial: list[Any] = []
        if splits > 1:
            length = index.mul(items, index.mul(partial_rows(inside), index.constant(splits)))
            partial = [allocate(mlir.F32Type.get(), length)]
        count = index.mul(items, index.constant(splits))
        self._shared("rows", count, [*values, *partial], RowLoops)
        if partial:
            self._shared("merge", items, [*values, *partial], MergeLoops)
        free(partial)

    def _shared(
        self, kind: str, items: Any, values: Sequence[Any], loops: Callable[..., Any]
    ) -> None:
        """``loops`` over all ``items``, a range of them for each thread."""
        own = len(self.plan.values)

        def build(parameters: list[Any]) -> None:
            low, high, *inner = parameters
            inside = Inside(self.plan, inner[:own])
            loops(inside, low, high, inner[own:]).write()

        types = [*[mlir.IndexType.get()] * 2, *(v.type for v in values)]
        name = self._function(kind, types, build)
        self._parallel(items, lambda low, high: call(name, [low, high, *values]))

    def _function(self, kind: str, types: list[Any], build: Callable[[list[Any]], None]) -> str:
        """The name of the function that ``build`` writes, or of an equal one."""
        name = f"{self.name}_{kind}"
        made = write_function(self.module, name, types, build)
        first = self.known.setdefault(code_of(made), name)
        if first != name:
            made.operation.erase()
        return first

    def _parallel(self, count: Any, body: Callable[[Any, Any], None]) -> None:
        """``body(low, high)`` for one range per thread."""
        threads = self.plan.tiles.threads
        if threads == 1 or index.known(count) == 1 or shared_already(self.plan.site.operation):
            body(index.constant(0), count)
        else:
            each_thread(count, 1, threads, body, may_be_zero=True)
