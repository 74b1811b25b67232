"""The calls of a contraction's functions, cut over threads."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from pharos.core import settings
from pharos.core.errors import InternalError
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.cpu.contractions.kernel import (
    TileLoops,
    pack_shared,
    shared_length,
    shared_role,
    side,
)
from pharos.targets.cpu.contractions.same import description
from pharos.targets.cpu.contractions.site import Plan, Site, allocate, free
from pharos.targets.cpu.contractions.store import branch_on
from pharos.targets.cpu.kernels import call, code_of, row, row_type, write_function
from pharos.targets.cpu.threads import each_pair, each_thread, shared_already

_ALONE = 1 << 14  # elements that one thread packs as fast as several


@dataclass(frozen=True)
class Written:
    """The names of functions by their text, and by the description of the plan: equal ones are
    compiled once, and those of equal plans are written once."""

    by_code: dict[str, str] = field(default_factory=dict)
    by_plan: dict[Hashable, str] = field(default_factory=dict)


class Launcher:
    """Writes the functions of ``plan`` into ``module`` and calls them at the insertion point."""

    def __init__(
        self, module: Any, plan: Plan, name: str, threads: int, grain: int, known: Written
    ) -> None:
        self.module, self.plan, self.name = module, plan, name
        self.threads, self.grain, self.known = threads, grain, known
        self.site: Site = None  # type: ignore[assignment]

    def write(self) -> None:
        """Write everything."""
        values = list(self.plan.values)
        plan = description(self.plan)
        key = None if plan is None else (plan, self.threads, self.grain, self._inside)
        name = None if key is None else self.known.by_plan.get(key)
        if name is None or settings.VERIFY.get() == "all":
            made = self._known("contraction", [v.type for v in values], self._contraction)
            if name not in (None, made):
                raise InternalError(f"plans of one description have other code: {name}, {made}")
            name = made
        if key is not None:
            self.known.by_plan[key] = name
        call(name, values)

    @property
    def _inside(self) -> bool:
        """Whether threads share a loop around it already."""
        return shared_already(self.plan.contraction.nest.operation)

    def _contraction(self, values: list[Any]) -> None:
        """The body of the function that does it all, from the outside values on."""
        self.site = Site(self.plan, values)
        tables = self.site.make_tables()
        arguments = [*values, *map(row, tables)]
        self.pack = self._part("pack", arguments)
        self.tiles = self._part("tiles", arguments)
        branch_on(self._alone(), lambda alone: self._all(1 if alone else self.threads, arguments))
        free(tables)

    def _part(self, kind: str, arguments: list[Any]) -> str:
        """The name of the function that packs the shared factor, or does tiles."""

        def build(parameters: list[Any]) -> None:
            low, high, batch, *values, shared = parameters
            first = None if self.plan.piece is None else values.pop(0)
            count = len(self.plan.values)
            site = Site(self.plan, values[:count], values[count:], first)
            if kind == "pack":
                pack_shared(site, low, high, batch, shared)
            else:
                self._write_tiles(site, low, high, batch, shared)

        shared = row_type(self.plan.panel_element)
        numbers = 3 if self.plan.piece is None else 4
        types = [*[mlir.IndexType.get()] * numbers, *(v.type for v in arguments), shared]
        return self._known(kind, types, build)

    def _write_tiles(self, site: Site, low: Any, high: Any, batch: Any, shared: Any) -> None:
        TileLoops(site, low, high, batch, shared).write()

    def _known(self, kind: str, types: list[Any], build: Callable[[list[Any]], None]) -> str:
        """The name of the function that ``build`` writes, or of an equal one."""
        name = f"{self.name}_{kind}"
        made = write_function(self.module, name, types, build)
        first = self.known.by_code.setdefault(code_of(made), name)
        if first != name:
            made.operation.erase()
        return first

    def _alone(self) -> Any:
        """Whether one thread does everything: True, False, or a value."""
        if self.threads == 1 or self._inside:
            return True
        work = index.constant(1)
        for role in ("batch", "rows", "columns", "inner"):
            work = index.mul(work, self.site.count(role))
        known = index.known(work)
        if known is not None:
            return known < self.grain
        arith = dialect("arith")
        return arith.cmpi(arith.CmpIPredicate.slt, work, index.constant(self.grain))

    def _all(self, threads: int, arguments: list[Any]) -> None:
        batches = self.site.count("batch")
        if index.known(batches) == 1:
            self._shared_by(threads, index.constant(0), arguments)
            return
        branch_on(
            self._many(batches, threads),
            lambda many: self._batches(threads if many else 1, 1 if many else threads, arguments),
        )

    def _many(self, batches: Any, threads: int) -> Any:
        """Whether whole batches keep ``threads`` busy."""
        known, arith = index.known(batches), dialect("arith")
        if threads == 1:
            return True
        if known is not None:
            return known >= 4 * threads or known % threads == 0
        return arith.cmpi(arith.CmpIPredicate.sge, batches, index.constant(2 * threads))

    def _batches(self, outer: int, inner: int, arguments: list[Any]) -> None:
        """Batches cut over ``outer`` threads, each of them over ``inner``."""

        def several(low: Any, high: Any) -> None:
            def each(batch: Any, _: list[Any]) -> list[Any]:
                self._shared_by(inner, batch, arguments)
                return []

            index.loop(low, high, 1, [], each)

        self._parallel(self.site.count("batch"), 1, outer, several)

    def _shared_by(self, threads: int, batch: Any, arguments: list[Any]) -> None:
        """One batch: pack the shared factor, then the tiles, each cut over ``threads``; one piece
        of the inner loops after the other."""
        shared = allocate(self.plan.panel_element, shared_length(self.site))
        panels = row(shared)
        if self.plan.piece is None:
            self._piece(threads, [batch, *arguments, panels])
        else:

            def body(first: Any, _: list[Any]) -> list[Any]:
                self._piece(threads, [batch, first, *arguments, panels])
                return []

            index.loop(index.constant(0), self.site.steps(), self.plan.piece, [], body)
        free([shared])

    def _piece(self, threads: int, arguments: list[Any]) -> None:
        role = shared_role(self.plan)
        for callee, lanes in ((self.pack, role), (self.tiles, self.plan.split)):

            def part(low: Any, high: Any, callee: str = callee) -> None:
                call(callee, [low, high, *arguments])

            count = self.site.count(lanes)
            elements = index.known(index.mul(count, self.site.steps()))
            # To wake another thread takes longer.
            few = callee == self.pack and elements is not None and elements <= _ALONE
            self._parallel(count, side(self.plan, lanes)[1], 1 if few else threads, part)

    def _parallel(
        self, count: Any, step: int, threads: int, body: Callable[[Any, Any], None]
    ) -> None:
        """``body(low, high)`` for one part per thread, in multiples of ``step``."""
        if threads == 1:
            body(index.constant(0), count)
        elif self.plan.kept is not None:
            each_pair(count, step, threads, body)
        else:
            each_thread(count, step, threads, body)
