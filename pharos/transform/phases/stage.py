"""A convolution over an input with zeros put in becomes one over the input for each phase.

    %s = insert %x into zeros, every second element        // PyTorch's ConvTranspose1d, stride 2
    %y = convolution ins(%s, %w) outs(%i)
      ==>
    %p = insert %x into zeros, a margin around it          // where there must be one
    %0 = convolution ins(%p[..], %w[1 by 2]) outs(%i[0 by 2]);   %a = insert %0 into %i[0 by 2]
    %1 = convolution ins(%p[..], %w[0 by 2]) outs(%a[1 by 2]);   %y = insert %1 into %a[1 by 2]

With stride s in d dimensions that is s^d convolutions, and 1 / s^d of the multiplications.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir
from pharos.transform.phases.placed import spread
from pharos.transform.phases.row import Phase
from pharos.transform.phases.slices import empty, extract, insert, slice_of, zeros
from pharos.transform.phases.stuffed import Stuffed, Window, factors_of, read_stuffed

# Where linalg remembers the maps of named operations.
_MEMO = "linalg.memoized_indexing_maps"


@dataclass(frozen=True)
class OutputPhases:
    """Rewrite every ``linalg.generic`` that ``read_stuffed`` recognises; leave the others."""

    name: ClassVar[str] = "output-phases"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            read = map(read_stuffed, operations(module, "linalg.generic"))
            for stuffed in [found for found in read if found is not None]:
                operation = stuffed.operation
                with mlir.InsertionPoint(operation), operation.location:
                    result = _Rewrite(stuffed).result()
                operation.results[0].replace_all_uses_with(result)
                operation.erase()
        return module


class _Rewrite:
    """Writes the phases of ``stuffed`` at the insertion point."""

    def __init__(self, stuffed: Stuffed) -> None:
        self.stuffed, self.operation = stuffed, stuffed.operation
        self.windows, self.init = stuffed.windows, self.operation.operands[2]
        self.start = _start(self.init, self.windows)

    def result(self) -> Any:
        """The result of the convolution, phase by phase."""
        image = self._image()
        phases = (window.row.phases() for window in self.windows)
        every = list(itertools.product(*phases))
        reached = [chosen for chosen in every if all(phase.taps for phase in chosen)]
        # Where no filter reaches, the result is what it starts from: written once and in order.
        begun = self.start is None or len(reached) < len(every)
        whole = self.init if begun else empty(self.init.type)
        for chosen in reached:
            spots = {
                window.result: (phase.first, phase.count, window.row.stride)
                for window, phase in zip(self.windows, chosen, strict=True)
            }
            part = self._convolution(image, chosen, self._first(whole, spots))
            whole = insert(part, whole, spots)
        return whole

    def _image(self) -> Any:
        """The source in the image's shape, with margins where a phase reaches beyond it."""
        source, groups = self.stuffed.source, self.stuffed.groups
        sizes, spots = list(source.type.shape), {}
        for window in self.windows:
            number = _group_of(groups, window.image)
            low, high = window.row.margins()
            sizes[number] += low + high
            spots[number] = (low, window.row.size, 1)
        if sizes != list(source.type.shape):
            source = insert(source, zeros(sizes, source.type.element_type), spots)
        if groups is None:
            return source
        # Only dimensions that are whole are split: those have the image's sizes already.
        shape = list(self.operation.operands[self.stuffed.image].type.shape)
        for number, group in enumerate(groups):
            if len(group) == 1:
                shape[group[0]] = sizes[number]
        result = mlir.RankedTensorType.get(shape, source.type.element_type)
        return dialect("tensor").ExpandShapeOp(result, source, groups, [], shape).result

    def _first(self, whole: Any, spots: dict[int, tuple[int, int, int]]) -> Any:
        """What the sums of a phase are added to."""
        if self.start is None:
            return extract(whole, spots)
        _, sizes, _ = slice_of(whole.type.shape, spots)
        part = empty(mlir.RankedTensorType.get(sizes, whole.type.element_type))
        clone = self.start.clone()
        clone.operands[len(clone.operands) - 1] = part
        clone.results[0].set_type(part.type)
        return clone.results[0]

    def _convolution(self, image: Any, chosen: Sequence[Phase], part: Any) -> Any:
        """The convolution of one phase, added to ``part``."""
        stuffed = self.stuffed
        pairs = list(zip(self.windows, chosen, strict=True))
        pixels = {
            window.image: (phase.start + window.row.margins()[0], phase.reach, 1)
            for window, phase in pairs
        }
        taps = {
            window.filter: (phase.tap, phase.taps, phase.step)
            for window, phase in pairs
            if window.filter is not None
        }
        filters = self.operation.operands[stuffed.filters]
        operands = [extract(image, pixels), extract(filters, taps), part]
        clone = self.operation.clone()
        for number, value in zip((stuffed.image, stuffed.filters, 2), operands, strict=True):
            clone.operands[number] = value
        clone.results[0].set_type(part.type)
        maps = [attribute.value for attribute in clone.attributes["indexing_maps"]]
        maps[stuffed.image] = _dilated(maps, stuffed, pairs)
        attributes = [mlir.AffineMapAttr.get(map_) for map_ in maps]
        clone.attributes["indexing_maps"] = mlir.ArrayAttr.get(attributes)
        if _MEMO in clone.attributes:
            del clone.attributes[_MEMO]
        return clone.results[0]


def _dilated(maps: Sequence[Any], stuffed: Stuffed, pairs: Sequence[tuple[Window, Phase]]) -> Any:
    """The map of the image, each window with the distance between the taps of its phase."""
    old = maps[stuffed.image]
    results = list(old.results)
    for window, phase in pairs:
        moved = maps[2].results[window.result]
        if window.filter is not None:
            tap = maps[stuffed.filters].results[window.filter]
            moved = moved + tap * phase.dilation
        results[window.image] = moved
    return mlir.AffineMap.get(old.n_dims, 0, results)


def _start(init: Any, windows: Sequence[Window]) -> Any:
    """The operation that made ``init`` when each phase can do its part of it: it spreads a number,
    or a tensor along dimensions that no phase cuts. Else None."""
    owner = init.owner
    if isinstance(owner, mlir.Block) or owner.name != "linalg.generic":
        return None
    operation = owner.operation
    if spread(operation) is None:
        return None
    *inputs, _ = (attribute.value for attribute in operation.attributes["indexing_maps"])
    cut = {window.result for window in windows if window.row.stride > 1}
    used = {loop for map_ in inputs for one in map_.results for loop in factors_of(one)}
    return None if used & cut else operation


def _group_of(groups: list[list[int]] | None, number: int) -> int:
    if groups is None:
        return number
    return next(n for n, group in enumerate(groups) if group == [number])
