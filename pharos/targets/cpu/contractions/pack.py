"""Copies of the factors in panels, so that the microkernel reads memory in order.

A panel of ``p`` lanes (rows of the left factor, columns of the right) over ``kc`` inner steps is
``[kc][p]``; panels follow each other. Lanes beyond the last are whatever is there: they only
reach sums that nobody stores. The expression around a factor (a widening, a scale, a relu) is
computed here, once per element.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Factor
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast, evaluate
from pharos.targets.cpu.contractions import lanes as lane
from pharos.targets.cpu.contractions.places import Even, Listed, Place
from pharos.targets.cpu.contractions.runs import by_runs
from pharos.targets.cpu.contractions.site import Site
from pharos.targets.cpu.contractions.transpose import transpose

_ROWS = 8  # read side by side


@dataclass(frozen=True)
class Source:
    """One operand of a factor: its place, where the batch starts, offsets of lanes and steps."""

    argument: Any
    place: Place
    origin: Any
    lanes: Even | Listed
    steps: Even | Listed
    stride: int | None


class Packer:
    """Packs ``factor`` (lanes are the loops of ``role``) into panels of ``panel`` lanes."""

    def __init__(self, site: Site, factor: Factor, role: str, panel: int, batch: Any) -> None:
        self.site, self.factor, self.role, self.panel = site, factor, role, panel
        self.width = site.plan.tiles.width
        loops = site.plan.loops(role)
        self.sources = [
            Source(
                argument,
                site.place(operand),
                site.origin(operand, batch),
                site.offsets(operand, role),
                site.offsets(operand, "inner"),
                operand.steps().get(loops[-1], 0) if loops else 0,
            )
            for operand, argument in zip(factor.operands, factor.arguments, strict=True)
        ]
        self.end = site.count(role)

    def pack(self, first: Any, count: Any, k: Any, steps: Any, target: Any, at: Any) -> None:
        """Panels for lanes ``first .. first + count`` and inner steps ``k .. k + steps``.

        They go to ``target[at ...]``; ``first`` is the start of a panel.
        """
        if all(source.lanes.unit or source.lanes.still for source in self.sources):
            self._rows(first, count, k, steps, target, at)
            return
        groups = max(1, self.panel // self.width)
        panels = index.ceil_div(count, self.panel)

        def each_panel(p: Any, _: list[Any]) -> list[Any]:
            start = index.mul(p, index.constant(self.panel))
            to = index.add(at, index.mul(start, steps))

            def each_group(g: Any, _: list[Any]) -> list[Any]:
                inside = index.mul(g, index.constant(self.width))
                lane0 = index.add(index.add(first, start), inside)
                self._group(lane0, k, steps, target, index.add(to, inside))
                return []

            index.loop(index.constant(0), index.constant(groups), 1, [], each_group)
            return []

        index.loop(index.constant(0), panels, 1, [], each_panel)

    def _rows(self, first: Any, count: Any, k: Any, steps: Any, target: Any, at: Any) -> None:
        """The same where lanes are neighbours in memory: a few long rows at a time.

        Reading a row to its end, the hardware's prefetcher keeps up; where a block ends before
        its rows do, nothing but asking for the next rows helps.
        """
        zero, panel = index.constant(0), index.constant(self.panel)

        def several(low: Any, _: list[Any]) -> list[Any]:
            high = index.minimum(index.add(low, index.constant(_ROWS)), steps)

            def each_panel(p: Any, _: list[Any]) -> list[Any]:
                start = index.mul(p, panel)
                to = index.add(at, index.mul(start, steps))
                for inside in range(0, self.panel, self.width):
                    step = index.constant(inside)
                    lane0 = index.add(index.add(first, start), step)
                    mask = self._mask(lane0)
                    reads = [
                        _asking(source, lane0, self._reader(source, lane0, mask))
                        for source in self.sources
                    ]
                    self._steps(low, high, k, target, index.add(to, step), reads)
                return []

            index.loop(zero, index.ceil_div(count, self.panel), 1, [], each_panel)
            return []

        index.loop(zero, steps, _ROWS, [], several)

    def _mask(self, lane0: Any) -> Any:
        """Which of the lanes from ``lane0`` on exist and belong to the panel."""
        left = index.sub(self.end, lane0)
        return lane.mask(self.width, index.minimum(left, index.constant(self.panel)))

    def _group(self, lane0: Any, k: Any, steps: Any, target: Any, at: Any) -> None:
        """One vector of lanes for all steps."""
        mask = self._mask(lane0)
        low, zero = index.constant(0), index.constant(0)
        only = self.sources[0] if len(self.sources) == 1 else None
        if self._along_steps():
            low = index.round_down(self._whole_steps(k, steps), self.width)

            def square(i: Any, _: list[Any]) -> list[Any]:
                if only is not None:
                    return self._transposed(only, lane0, k, i, target, at)
                return self._computed(lane0, k, i, target, at)

            index.loop(zero, low, self.width, [], square)
        if only is not None and isinstance(only.lanes, Listed) and only.stride in (1, 2):
            by_runs(
                only.place,
                only.lanes,
                only.stride,
                lane0,
                mask,
                self.width,
                lambda read: self._steps(low, steps, k, target, at, [read]),
            )
            return
        reads = [self._reader(source, lane0, mask) for source in self.sources]
        self._steps(low, steps, k, target, at, reads)

    def _along_steps(self) -> bool:
        """Whether vectors are loaded along steps, and transposed: they are neighbours in memory in
        some operand, lanes are not, and in the others steps are neighbours or the same element."""
        moving = [source for source in self.sources if not source.steps.still]
        far = any(not source.lanes.unit and not source.lanes.still for source in moving)
        return far and all(source.steps.unit for source in moving)

    def _whole_steps(self, k: Any, steps: Any) -> Any:
        """How many of ``steps`` from ``k`` on exist in memory as they are."""
        return steps

    def _reader(self, source: Source, lane0: Any, mask: Any) -> Any:
        if source.lanes.still or source.lanes.unit:
            return lambda at: lane.read(source.place, at, source.lanes, lane0, mask, self.width)
        offsets = lane.lane_offsets(source.lanes, lane0, self.width)
        return lambda at: lane.gather(source.place, at, offsets, mask, self.width)

    def _steps(self, low: Any, high: Any, k: Any, target: Any, at: Any, reads: list[Any]) -> None:
        """Steps ``low .. high`` one by one; ``reads`` give the lanes of each operand."""
        pairs = list(zip(self.sources, reads, strict=True))
        # What is the same for all steps (the divisor of a row) is read once.
        still = {
            source.argument: read(source.origin) for source, read in pairs if source.steps.still
        }

        def body(i: Any, _: list[Any]) -> list[Any]:
            step = index.add(k, i)
            known = still | {
                source.argument: read(index.add(source.origin, source.steps.at(step)))
                for source, read in pairs
                if not source.steps.still
            }
            self._store(known, target, index.add(at, index.mul(i, index.constant(self.panel))))
            return []

        index.loop(low, high, 1, [], body)

    def _transposed(
        self, source: Source, lane0: Any, k: Any, i: Any, target: Any, at: Any
    ) -> list[Any]:
        """As many steps as a vector has lanes, where steps are neighbours in memory."""
        last = index.sub(self.end, index.constant(1))
        step = index.add(source.origin, index.add(k, i))
        type_ = lane.vector_of(self.width, source.place.element)
        rows = []
        for r in range(self.width):
            if r >= self.panel:
                rows.append(lane.zeros(self.width, source.place.element))
                continue
            row = index.minimum(index.add(lane0, index.constant(r)), last)
            where = index.add(step, source.lanes.at(row))
            rows.append(dialect("vector").load(type_, source.place.flat, [where]))
        for r, column in enumerate(transpose(rows)):
            to = index.mul(index.add(i, index.constant(r)), index.constant(self.panel))
            self._store({source.argument: column}, target, index.add(at, to))
        return []

    def _computed(self, lane0: Any, k: Any, i: Any, target: Any, at: Any) -> list[Any]:
        """The same of a factor that is computed from several operands, along their rows."""
        last = index.sub(self.end, index.constant(1))
        step = index.add(k, i)
        rows = []
        for r in range(self.width):
            if r >= self.panel:
                rows.append(lane.zeros(self.width, self.factor.element))
                continue
            row = index.minimum(index.add(lane0, index.constant(r)), last)
            known = {s.argument: self._along(s, row, step) for s in self.sources}
            made = evaluate(self.factor.value, {**self.site.known, **known}, self.width)
            rows.append(broadcast(made, self.width))
        for r, column in enumerate(transpose(rows)):
            to = index.mul(index.add(i, index.constant(r)), index.constant(self.panel))
            self._put(column, target, index.add(at, to))
        return []

    def _along(self, source: Source, row: Any, step: Any) -> Any:
        """A vector of steps from ``step`` on of a lane, or the element that is all of them."""
        start = index.add(source.origin, source.lanes.at(row))
        if source.steps.still:
            return dialect("memref").load(source.place.flat, [start])
        type_ = lane.vector_of(self.width, source.place.element)
        return dialect("vector").load(type_, source.place.flat, [index.add(start, step)])

    def _store(self, known: dict[Any, Any], target: Any, at: Any) -> None:
        known = {**self.site.known, **known}
        made = evaluate(self.factor.value, known, self.width)
        self._put(broadcast(made, self.width), target, at)

    def _put(self, value: Any, target: Any, at: Any) -> None:
        """Store one vector of lanes of a panel."""
        if self.panel >= self.width:
            dialect("vector").store(value, target, [at])
        else:
            # Only the panel's own lanes: the next panel may be another thread's.
            mask = lane.mask(self.width, index.constant(self.panel))
            dialect("vector").maskedstore(target, [at], mask, value)


def _asking(source: Source, lane0: Any, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``read``, which asks for the same lanes of the next few rows first."""
    if not source.lanes.unit or source.steps.still or not isinstance(source.steps, Even):
        return read
    ahead = index.add(index.mul(source.steps.step, index.constant(_ROWS)), lane0)

    def both(at: Any) -> Any:
        dialect("memref").prefetch(source.place.flat, [index.add(at, ahead)], False, 3, True)
        return read(at)

    return both


def buffer_type(element: Any) -> Any:
    """The type of a buffer for panels."""
    return mlir.MemRefType.get([mlir.ShapedType.get_dynamic_size()], element)
