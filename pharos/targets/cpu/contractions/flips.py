"""A factor that was only written to be read by a contraction is read where it came from.

    %w = alloc; generic { yield load %filters[i1, i0, 4 - i2, 4 - i3] } outs(%w)
    contraction reads %w[i, c, a, b]   ==>   contraction reads %filters[c, i, 4 - a, 4 - b]

A transposed convolution comes with its filters turned over like this. The packer, which copies
them anyway, then makes the only copy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.contractions.contraction import Contraction, Factor, Operand
from pharos.targets.common.contractions.surroundings import before, may_write
from pharos.targets.common.nests.sharing import may_share

Terms = dict[int | None, int]
"""A linear expression: the factor of each loop, the constant under None."""


def through_flips(contraction: Contraction) -> tuple[Contraction, list[Any]]:
    """``contraction`` with such factors read at their source, and the operations that wrote them,
    which nobody needs any more. Only where all sizes are known."""
    if None in contraction.sizes:
        return contraction, []
    left, gone = _factor(contraction.left, contraction)
    right, more = _factor(contraction.right, contraction)
    return replace(contraction, left=left, right=right), gone + more


def _factor(factor: Factor, contraction: Contraction) -> tuple[Factor, list[Any]]:
    operands, gone = [], []
    for operand in factor.operands:
        found = _source(operand, contraction)
        operands.append(operand if found is None else found[0])
        gone += [] if found is None else [found[1]]
    return replace(factor, operands=tuple(operands)), gone


def _source(operand: Operand, contraction: Contraction) -> tuple[Operand, Any] | None:
    """The operand behind ``operand``, and the operation that copied it."""
    flip = _only_writer(operand.buffer, contraction.nest.operation)
    load = _load(flip) if flip is not None else None
    if load is None or not _lasts(load.operands[0], flip, contraction.nest.operation):
        return None
    factors, starts = [], []
    for value in list(load.operands)[1:]:
        terms = _terms(value)
        if terms is None:
            return None
        factor, start = _composed(terms, operand)
        factors.append(factor)
        starts.append(start)
    return Operand(load.operands[0], tuple(factors), tuple(starts)), flip


def _only_writer(buffer: Any, reader: Any) -> Any | None:
    """The operation that wrote ``buffer``, which only it, ``reader`` and its end of life touch."""
    if isinstance(buffer.owner, mlir.Block) or buffer.owner.name != "memref.alloc":
        return None
    users = {use.owner.operation for use in buffer.uses} - {reader}
    writers = [user for user in users if user.name != "memref.dealloc"]
    if len(writers) != 1 or writers[0].name != "linalg.generic":
        return None
    same = writers[0].block == reader.block
    return writers[0] if same and writers[0].is_before_in_block(reader) else None


def _load(flip: Any) -> Any | None:
    """The one load whose result ``flip``, which has only an output, yields for every element."""
    maps = [attribute.value for attribute in flip.attributes["indexing_maps"]]
    count = len(list(flip.attributes["iterator_types"]))
    if len(maps) != 1 or maps[0] != mlir.AffineMap.get_identity(count):
        return None
    body = flip.regions[0].blocks[0]
    result = list(body.operations)[-1].operation.operands[0]
    load = None if isinstance(result.owner, mlir.Block) else result.owner.operation
    loads = [op for op in body.operations if op.operation.name.startswith("memref.")]
    if load is None or load.name != "memref.load" or len(loads) != 1:
        return None
    return load


def _lasts(source: Any, flip: Any, reader: Any) -> bool:
    """Whether ``source`` is the same at ``reader`` as it was at ``flip``."""
    kind = source.type
    if not kind.has_static_shape or may_share(source, flip.operands[0]):
        return False
    if not isinstance(source.owner, mlir.Block) and source.owner.operation.parent == flip:
        return False
    for operation in before(reader):
        if operation == flip:
            return True
        if may_write(operation, source):
            return False
    return False


def _terms(value: Any) -> Terms | None:
    """``value`` as a linear expression of the loops around it."""
    owner = value.owner
    if isinstance(owner, mlir.Block):
        return None
    if owner.name == "linalg.index":
        return {int(owner.attributes["dim"].value): 1}
    if owner.name == "arith.constant":
        return {None: int(owner.attributes["value"].value)}
    if owner.name not in ("arith.addi", "arith.subi"):
        return None
    left, right = (_terms(operand) for operand in owner.operands)
    if left is None or right is None:
        return None
    sign = 1 if owner.name == "arith.addi" else -1
    return {loop: left.get(loop, 0) + sign * right.get(loop, 0) for loop in {*left, *right}}


def _composed(terms: Terms, operand: Operand) -> tuple[dict[int, int], int]:
    """``terms`` of the dimensions of ``operand``, in terms of the contraction's loops."""
    start, factor = terms.get(None, 0), dict[int, int]()
    for dimension, times in terms.items():
        if dimension is None:
            continue
        start += times * operand.starts[dimension]
        for loop, inner in operand.factors[dimension].items():
            factor[loop] = factor.get(loop, 0) + times * inner
    return {loop: times for loop, times in factor.items() if times}, start
