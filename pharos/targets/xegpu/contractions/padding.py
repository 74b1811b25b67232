"""Factors that block loads cannot reach are copied to where they can.

    %a : memref<100x33xf16>                %p = memref.alloc() : memref<100x64xf16>
                                     ==>   linalg.generic: 0 into %p[0:100, 33:64]
                                           linalg.generic: %a into %p[0:100, 0:33]

The copy is zero where it is longer, and costs one pass over a factor that the product reads many
times. It is written as linalg for the stage that makes kernels of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import is_known
from pharos.targets.xegpu.contractions.block_rules import objection, padded_width
from pharos.targets.xegpu.contractions.matrices import Matrix, Product
from pharos.targets.xegpu.contractions.tiles import Tiles

_TRANSPOSED = 16
_DYNAMIC = mlir.ShapedType.get_dynamic_stride_or_offset()


def reachable(product: Product, tiles: Tiles) -> tuple[Product, list[Any]]:
    """``product`` with factors that block loads can reach, and the buffers made for it.

    What must be copied is, at the insertion point; the buffers are the caller's to free.
    """
    sizes, made = product.batch_sizes, []
    factors = {}
    for name in ("a", "b"):
        matrix = getattr(product, name)
        # A transposing load brings 16 x 16 elements, which fewer rows of a subgroup have not.
        straight = name == "a" and matrix.turned and tiles.sg_m % _TRANSPOSED != 0
        if straight or objection(matrix, sizes) is not None:
            matrix = copied(matrix, sizes, matrix.turned and not straight)
            made.append(matrix.buffer)
        factors[name] = matrix
    return replace(product, **factors), made


def copied(matrix: Matrix, batch_sizes: tuple[int, ...], turned: bool) -> Matrix:
    """A copy of ``matrix`` with padded rows, ``turned`` or not; what all batches share is copied
    once."""
    height, width = (matrix.columns, matrix.rows) if turned else (matrix.rows, matrix.columns)
    pitch = padded_width(width, matrix.dtype)
    own = [n for n, step in enumerate(matrix.batch_steps) if step and batch_sizes[n] > 1]
    shape = [*(batch_sizes[n] for n in own), height, pitch]
    kind = mlir.MemRefType.get(shape, mlir.Type.parse(matrix.dtype))
    copy = dialect("memref").AllocOp(kind, [], [], alignment=64).result
    inner = (matrix.row_step, matrix.column_step)
    steps = [*(matrix.batch_steps[n] for n in own), *(reversed(inner) if turned else inner)]
    _fill(_columns(copy, width, pitch - width))
    _copy(_view(matrix, [*shape[:-1], width], steps), _columns(copy, 0, width))
    strides, _ = kind.get_strides_and_offset()
    batch = [0] * len(batch_sizes)
    for n, stride in zip(own, strides, strict=False):
        batch[n] = stride
    # The rows are as long as the copy's: zeros are no more to the sums, but the surface of a
    # block load is a whole number of lines.
    rows, columns, row_step, column_step = height, pitch, pitch, 1
    if turned:
        rows, columns, row_step, column_step = pitch, height, 1, pitch
    dtype = matrix.dtype
    return Matrix(copy, dtype, rows, columns, row_step, column_step, tuple(batch), 0, 0)


def _view(matrix: Matrix, shape: Sequence[int], steps: Sequence[int]) -> Any:
    """``matrix`` in its buffer, as a memref of ``shape``."""
    memref, arith = dialect("memref"), dialect("arith")
    buffer, element = matrix.buffer, mlir.Type.parse(matrix.dtype)
    _, begin = mlir.MemRefType(buffer.type).get_strides_and_offset()
    known = is_known(begin)
    layout = mlir.StridedLayoutAttr.get(begin + matrix.start if known else _DYNAMIC, list(steps))
    kind = mlir.MemRefType.get(list(shape), element, layout)
    offsets: list[Any] = []
    static = begin + matrix.start if known else _DYNAMIC
    if not known:
        start = arith.constant(mlir.IndexType.get(), matrix.start)
        metadata = memref.ExtractStridedMetadataOp(buffer)
        buffer, offsets = metadata.base_buffer, [arith.addi(metadata.offset, start)]
    return memref.ReinterpretCastOp(
        kind, buffer, offsets, [], [], [static], list(shape), list(steps)
    ).result


def _columns(copy: Any, first: int, count: int) -> Any | None:
    """Columns ``first`` to ``first + count`` of every row; None for none."""
    if not count:
        return None
    shape = list(copy.type.shape)
    begin = [*([0] * (len(shape) - 1)), first]
    return dialect("memref").subview(copy, begin, [*shape[:-1], count], [1] * len(shape))


def _fill(target: Any | None) -> None:
    if target is None:
        return
    zero = dialect("arith").constant(target.type.element_type, 0.0)
    _generic([], target, lambda arguments: zero)


def _copy(source: Any, target: Any) -> None:
    _generic([source], target, lambda arguments: arguments[0])


def _generic(inputs: Sequence[Any], target: Any, value: Any) -> None:
    """A generic that writes ``value(arguments)`` to every element of ``target``."""
    linalg, rank = dialect("linalg"), target.type.rank
    identity = mlir.AffineMapAttr.get(mlir.AffineMap.get_identity(rank))
    maps = mlir.ArrayAttr.get([identity] * (len(inputs) + 1))
    parallel = mlir.Attribute.parse("#linalg.iterator_type<parallel>")
    generic = linalg.GenericOp(
        [], list(inputs), [target], maps, mlir.ArrayAttr.get([parallel] * rank)
    )
    element = target.type.element_type
    kinds = [element] * (len(inputs) + 1)
    block = generic.regions[0].blocks.append(*kinds, arg_locs=[mlir.Location.current] * len(kinds))
    with mlir.InsertionPoint(block):
        linalg.YieldOp([value(list(block.arguments))])
