"""Convolutions over an image with a wide margin of zeros: multiply first, add up what overlaps.

    y[f, o] += sum over c, k of w[f, c, k] * padded[c, o + k]
      ==>
    z[f, q, i] = sum over c of w[f, c, K - 1 - q] * image[c, i]      // for a few f at a time
    y[f, i + q] += z[f, q, i]

A transposed convolution comes as one over such an image. Every element of the image is multiplied
with every tap once, where the convolution multiplies every result with every tap: fewer products
the smaller the image is, and nothing to do for the margin.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Contraction, Factor, Operand
from pharos.targets.common.nests import index
from pharos.targets.cpu.contractions.flips import through_flips
from pharos.targets.cpu.contractions.overlap_sums import Layout, Row, add_up
from pharos.targets.cpu.contractions.padded import Padded, read_padded
from pharos.targets.cpu.threads import each_thread, shared_already

_LEAST_CHANNELS = 4
# What one sum costs beside its products, in products: it is stored, loaded, and added to the
# result. With it the faster form is taken for KernelBench's level 1 problems 58, 65, 68 and 70.
_ADDING = 24
_BLOCK_BYTES = 512 << 10  # of sums that are added up while they are in the second-level cache


@dataclass(frozen=True)
class Overlap:
    """``contraction`` as a convolution over ``image``. ``plain`` has, per dimension of the image,
    its loop where there is no window, ``rows`` the others' windows; ``gone`` are operations that
    nobody needs any more."""

    contraction: Contraction
    image: Padded
    filters: Operand
    plain: dict[int, int]
    rows: dict[int, Row]
    gone: tuple[Any, ...]

    @property
    def features(self) -> tuple[int, ...]:
        """The loops of the filters and the result."""
        c = self.contraction
        return c.rows if c.left.operands[0] is self.filters else c.columns


def overlaps(found: Sequence[Contraction], threads: int, simd_bits: int, grain: int) -> bool:
    """Rewrite those of the contractions ``found`` for which it pays; whether there were any.

    ``threads`` share one of ``grain`` products or more.
    """
    pairs = [(read_overlap(contraction), contraction) for contraction in found]
    for overlap, contraction in pairs:
        if overlap is None:
            continue
        operation = contraction.nest.operation
        with operation.location, mlir.InsertionPoint(operation):
            _Writer(overlap, simd_bits).write(threads, grain)
        operation.erase()
        for other in (*overlap.gone, *overlap.image.writers):
            other.erase()
    return any(overlap is not None for overlap, _ in pairs)


def read_overlap(contraction: Contraction) -> Overlap | None:
    """``contraction`` in this form, when that multiplies much less; else None."""
    if {None, 0} & {*contraction.sizes} or contraction.batch or not _plain(contraction):
        return None
    if shared_already(contraction.nest.operation):
        return None
    turned, gone = through_flips(contraction)
    for image, filters in ((turned.right, turned.left), (turned.left, turned.right)):
        padded = read_padded(image.operands[0], contraction)
        found = None if padded is None else _windows(turned, padded, image, filters)
        if found is not None and _pays(found):
            return replace(found, gone=tuple(gone))
    return None


def _plain(contraction: Contraction) -> bool:
    """Whether factors and results are elements of arrays of one type of float, each from a loop."""
    element = contraction.result.type.element_type
    if not isinstance(element, (mlir.F32Type, mlir.F64Type)):
        return False
    for factor in (contraction.left, contraction.right):
        alone = len(factor.operands) == 1 and factor.value == factor.arguments[0]
        if not alone or factor.operands[0].type.element_type != element:
            return False
    single = all(len(factor) <= 1 for factor in contraction.result.factors)
    return single and not any(contraction.result.starts) and _units(contraction.result)


def _units(operand: Operand) -> bool:
    return all(times == 1 for factor in operand.factors for times in factor.values())


def _windows(c: Contraction, padded: Padded, image: Factor, filters: Factor) -> Overlap | None:
    operand, weights = image.operands[0], filters.operands[0]
    taps = {loop for factor in operand.factors if len(factor) == 2 for loop in factor}
    plain: dict[int, int] = {}
    rows: dict[int, Row] = {}
    shape, whole = padded.source.type.shape, operand.type.shape
    for d, factor in enumerate(operand.factors):
        if operand.starts[d]:
            return None
        if not factor:
            if whole[d] != 1:
                return None
            continue
        if len(factor) == 1:
            ((loop, times),) = factor.items()
            if times != 1 or padded.starts[d] or shape[d] != whole[d] or loop in taps:
                return None
            plain[d] = loop
            continue
        row = _window(c, factor, shape[d], padded.starts[d])
        if row is None:
            return None
        rows[d] = row
    known = {row.tap for row in rows.values()}
    walked = [loop for factor in operand.factors for loop in factor]
    if not rows or len(walked) != len({*walked}) or not _one_by_one(weights, known):
        return None
    # The last window is along a row of the result: rows are added as vectors.
    strides, _ = c.result.type.get_strides_and_offset()
    if c.result.factors[-1] != {rows[max(rows)].out: 1} or strides[-1] != 1:
        return None
    # Every other loop of the sum is a dimension of the image of its own.
    if set(c.inner) - known != {loop for loop in plain.values() if loop in c.inner}:
        return None
    return Overlap(c, padded, weights, plain, rows, ())


def _window(c: Contraction, factor: dict[int, int], size: int, start: int) -> Row | None:
    """The window along a dimension of ``size`` behind ``start`` zeros, reached by ``factor``."""
    outs = [loop for loop in factor if loop not in c.inner]
    taps = [loop for loop in factor if loop in c.inner]
    if len(outs) != 1 or len(taps) != 1 or factor[outs[0]] != 1 or factor[taps[0]] < 1:
        return None
    out, tap = outs[0], taps[0]
    return Row(out, tap, c.sizes[tap] or 0, c.sizes[out] or 0, size, start, factor[tap])


def _one_by_one(filters: Operand, taps: set[int]) -> bool:
    """Whether each dimension of the filters has a loop of its own; ``taps`` may go backwards."""
    used = [loop for factor in filters.factors for loop in factor]
    if len(used) != len({*used}) or not taps <= {*used}:
        return False
    for factor, start in zip(filters.factors, filters.starts, strict=True):
        forward = start == 0 and all(times == 1 for times in factor.values())
        if len(factor) > 1 or not (forward or taps >= {*factor}):
            return False
    return True


def _pays(overlap: Overlap) -> bool:
    c = overlap.contraction
    taps = [row.tap for row in overlap.rows.values()]
    channels = math.prod(c.sizes[loop] or 1 for loop in c.inner if loop not in taps)
    outs = math.prod(row.outs for row in overlap.rows.values())
    image = math.prod(row.size for row in overlap.rows.values())
    if channels < _LEAST_CHANNELS or not overlap.features:
        return False
    return outs * channels > image * (channels + _ADDING)


class _Writer:
    """Writes ``overlap`` at the insertion point."""

    def __init__(self, overlap: Overlap, simd_bits: int) -> None:
        self.overlap, self.simd_bits = overlap, simd_bits
        self.c = overlap.contraction
        self.element = self.c.result.type.element_type
        self.rows = [overlap.rows[d] for d in sorted(overlap.rows)]
        taps = {row.tap for row in self.rows}
        # The loops of the products: what the result has but its windows, then taps, the image.
        self.features = overlap.features
        self.images = [loop for loop in overlap.plain.values() if loop not in self.c.inner]
        self.channels = [loop for loop in self.c.inner if loop not in taps]
        self.size = {loop: size or 1 for loop, size in enumerate(self.c.sizes)}
        self.size |= {row.out: row.size for row in self.rows}
        self.order = [*self.features, *(row.tap for row in self.rows), *self.images]
        self.order += [row.out for row in self.rows]
        self.block: dict[int, int] = {}

    def write(self, threads: int, grain: int) -> None:
        """Blocks of the first feature loop, shared by ``threads``."""
        first, bits = self.features[0], self.element.width
        width = max(1, self.simd_bits // bits)
        one = math.prod(self.size[loop] for loop in self.order if loop != first) * bits // 8
        cut = self._cut(one)
        part = one // self.size[cut] * _cut_size(self.size[cut], one) if cut is not None else one
        most = min(_BLOCK_BYTES // part, self.size[first] // threads)  # a block for each thread
        block = _largest_divisor(self.size[first], max(1, most))
        self.block[first] = block
        if cut is not None:
            self.block[cut] = _cut_size(self.size[cut], one)
        blocks = index.constant(self.size[first] // block)

        def several(low: Any, high: Any) -> None:
            shape = [self.block.get(loop, self.size[loop]) for loop in self.order]
            sums = dialect("memref").alloc(
                mlir.MemRefType.get(shape, self.element), [], [], alignment=64
            )

            def each(number: Any, _: list[Any]) -> list[Any]:
                at = {first: index.mul(number, index.constant(block))}
                self._images(sums, at, cut, width)
                return []

            index.loop(low, high, 1, [], each)
            dialect("memref").dealloc(sums)

        if threads == 1 or math.prod(self.size.values()) < grain:
            several(index.constant(0), blocks)
        else:
            each_thread(blocks, 1, threads, several)

    def _cut(self, one: int) -> int | None:
        """The loop of the image that is cut, too, because the sums of one feature are many."""
        wide = [loop for loop in (*self.images, self.rows[0].out) if self.size[loop] > 1]
        return wide[0] if one > _BLOCK_BYTES and wide else None

    def _images(self, sums: Any, at: dict[int, Any], cut: int | None, width: int) -> None:
        if cut is None:
            self._block(sums, at, width)
            return

        def each(start: Any, _: list[Any]) -> list[Any]:
            self._block(sums, {**at, cut: start}, width)
            return []

        index.loop(index.constant(0), index.constant(self.size[cut]), self.block[cut], [], each)

    def _block(self, sums: Any, at: dict[int, Any], width: int) -> None:
        """The products of one block, added to the result."""
        filters, image = self.overlap.filters, self.overlap.image
        loops = [*self.order, *self.channels]
        number = {loop: n for n, loop in enumerate(loops)}
        taps = {row.tap: row.taps for row in self.rows}
        weights = _view(filters.buffer, filters.factors, at, self.block)
        loop_of = self.overlap.plain | {d: row.out for d, row in self.overlap.rows.items()}
        pixels = [{loop_of[d]: 1} if d in loop_of else {} for d in range(image.source.type.rank)]
        picture = _view(image.source, pixels, at, self.block)
        maps = [
            _map(number, _reversed(filters, taps)),
            _map(number, [(factor, 0) for factor in pixels]),
            _map(number, [({loop: 1}, 0) for loop in self.order]),
        ]
        _zero(sums, self.element)
        kinds = ["parallel"] * len(self.order) + ["reduction"] * len(self.channels)
        _products([weights, picture, sums], maps, kinds, self.element)
        size = self.size | self.block
        layout = Layout(tuple(self.order), size, tuple(self.rows))
        add_up(layout, sums, self.c.result, at, width)


def _cut_size(size: int, whole: int) -> int:
    """A part of ``size`` that keeps about ``_BLOCK_BYTES`` of ``whole``."""
    return _largest_divisor(size, max(1, size * _BLOCK_BYTES // whole))


def _largest_divisor(size: int, most: int) -> int:
    """The largest divisor of ``size`` that is at most ``most``."""
    return next(d for d in range(min(size, most), 0, -1) if size % d == 0)


def _view(
    buffer: Any, factors: Sequence[dict[int, int]], at: dict[int, Any], block: dict[int, int]
) -> Any:
    """The part of ``buffer`` where the loops in ``at`` begin there and run ``block`` times."""
    shape = list(buffer.type.shape)
    offsets: list[Any] = [0] * len(shape)
    for d, factor in enumerate(factors):
        for loop in factor:
            if loop in at and block[loop] != shape[d]:
                offsets[d], shape[d] = at[loop], block[loop]
    if all(offset == 0 for offset in offsets if isinstance(offset, int)) and shape == list(
        buffer.type.shape
    ):
        return buffer
    strides, _ = buffer.type.get_strides_and_offset()
    dynamic = mlir.ShapedType.get_dynamic_stride_or_offset()
    layout = mlir.StridedLayoutAttr.get(dynamic, strides)
    type_ = mlir.MemRefType.get(shape, buffer.type.element_type, layout)
    moving = [offset for offset in offsets if not isinstance(offset, int)]
    static = [offset if isinstance(offset, int) else dynamic for offset in offsets]
    ones = [1] * len(shape)
    view = dialect("memref").SubViewOp(type_, buffer, moving, [], [], static, shape, ones)
    return view.result


Index = tuple[dict[int, int], int]


def _reversed(filters: Operand, taps: dict[int, int]) -> Iterator[Index]:
    """The indices of the filters with every tap counted from the other end."""
    for factor, start in zip(filters.factors, filters.starts, strict=True):
        turned = {loop: -times if loop in taps else times for loop, times in factor.items()}
        last = sum(times * (taps[loop] - 1) for loop, times in factor.items() if loop in taps)
        yield turned, start + last


def _map(number: dict[int, int], indices: Any) -> Any:
    """The affine map to ``indices``, loops being numbered by ``number``."""
    results = []
    for factor, start in indices:
        expression: Any = mlir.AffineConstantExpr.get(start)
        for loop, times in factor.items():
            expression = expression + mlir.AffineDimExpr.get(number[loop]) * times
        results.append(expression)
    return mlir.AffineMap.get(len(number), 0, results)


def _generic(operands: Sequence[Any], maps: Sequence[Any], kinds: Sequence[str]) -> Any:
    """A ``linalg.generic`` with one output and an empty block."""
    attributes = {
        "indexing_maps": mlir.ArrayAttr.get([mlir.AffineMapAttr.get(m) for m in maps]),
        "iterator_types": mlir.ArrayAttr.get(
            [mlir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]
        ),
        "operandSegmentSizes": mlir.DenseI32ArrayAttr.get([len(operands) - 1, 1]),
    }
    made = mlir.Operation.create("linalg.generic", [], operands, attributes=attributes, regions=1)
    types = [operand.type.element_type for operand in operands]
    places = [mlir.Location.unknown()] * len(types)
    return mlir.Block.create_at_start(made.regions[0], types, places)


def _zero(buffer: Any, element: Any) -> None:
    rank = buffer.type.rank
    zero = dialect("arith").ConstantOp(element, mlir.FloatAttr.get(element, 0.0)).result
    block = _generic([buffer], [mlir.AffineMap.get_identity(rank)], ["parallel"] * rank)
    with mlir.InsertionPoint(block):
        mlir.Operation.create("linalg.yield", operands=[zero])


def _products(operands: Sequence[Any], maps: Sequence[Any], kinds: Any, element: Any) -> None:
    block, arith = _generic(operands, maps, kinds), dialect("arith")
    a, b, total = block.arguments
    with mlir.InsertionPoint(block):
        mlir.Operation.create("linalg.yield", operands=[arith.addf(total, arith.mulf(a, b))])
