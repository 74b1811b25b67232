"""Sorts become merges: runs of 1, 2, 4, ... elements of a row are merged into runs twice as long.

    %v, %i = tm_tensor.sort dimension(1) outs(%x, %numbers) { (a, b, ai, bi): yield a <= b }
    ==>
    for each row, while width < n:  for each pair of runs:  for p in the pair:
      next[p] = the first of the left run, unless the right one's must come before it

Elements that compare equal keep their order. NaN comes last in an ascending order and first in a
descending one, as in PyTorch: the comparison alone would leave rows that hold one in no order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import dialect, mlir
from pharos.transform.tensor_loops import (
    each_on_tensors,
    index_constant,
    inlined,
    loop,
    nest,
    size_of,
)

# Predicates of arith.cmpf: ordered greater, greater or equal, less, less or equal.
_ASCENDING, _DESCENDING = (4, 5), (2, 3)
_UNORDERED = 14


@dataclass(frozen=True)
class Sorts:
    """``tm_tensor.sort`` on tensors  ==>  merging loops."""

    name: ClassVar[str] = "sorts"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place. CompileError for a sort on memrefs."""
        each_on_tensors(module, "tm_tensor.sort", _rewrite)
        return module


def _rewrite(sort: Any) -> None:
    dimension, starts = sort.attributes["dimension"].value, list(sort.operands)
    rank = starts[0].type.rank
    with mlir.InsertionPoint(sort), sort.location:
        others = [size_of(starts[0], d) for d in range(rank) if d != dimension]
        size = size_of(starts[0], dimension)

        def row(at: list[Any], tensors: list[Any]) -> list[Any]:
            return _Row(sort, at, dimension, size).sorted(tensors)

        results = nest(others, starts, row)
    for old, new in zip(sort.results, results, strict=True):
        old.replace_all_uses_with(new)
    sort.erase()


class _Row:
    """One row of the tensors that are sorted together: elements ``at`` along ``dimension``."""

    def __init__(self, sort: Any, at: Sequence[Any], dimension: int, size: Any) -> None:
        self.sort, self.at, self.dimension, self.size = sort, list(at), dimension, size

    def sorted(self, tensors: list[Any]) -> list[Any]:
        """The tensors with the row in order."""
        scf, arith = dialect("scf"), dialect("arith")
        index, one = mlir.IndexType.get(), index_constant(1)
        types = [index, *(tensor.type for tensor in tensors)]
        while_op = scf.WhileOp(types, [one, *tensors])
        places = [self.sort.location] * len(types)
        before = mlir.Block.create_at_start(while_op.before, types, places)
        with mlir.InsertionPoint(before):
            more = arith.cmpi(arith.CmpIPredicate.slt, before.arguments[0], self.size)
            scf.ConditionOp(more, list(before.arguments))
        after = mlir.Block.create_at_start(while_op.after, types, places)
        with mlir.InsertionPoint(after):
            width, *old = after.arguments
            double = arith.addi(width, width)
            scf.YieldOp([double, *self._merged(old, width, double)])
        return list(while_op.results)[1:]

    def _merged(self, old: list[Any], width: Any, double: Any) -> list[Any]:
        """One pass: every two runs of ``width`` elements merged, from ``old`` into copies."""
        arith = dialect("arith")

        def pair(low: Any, new: list[Any]) -> list[Any]:
            middle = arith.minsi(arith.addi(low, width), self.size)
            high = arith.minsi(arith.addi(low, double), self.size)

            def step(p: Any, carried: list[Any]) -> list[Any]:
                left, right, *targets = carried
                return self._step(p, (left, right), (middle, high), old, targets)

            ends = loop((low, high, index_constant(1)), [low, middle, *new], step)
            return ends[2:]

        return loop((index_constant(0), self.size, double), old, pair)

    def _step(
        self, p: Any, heads: tuple[Any, Any], ends: tuple[Any, Any], old: list[Any], new: list[Any]
    ) -> list[Any]:
        """Element ``p`` of the merged run; the heads of both runs and the targets after it."""
        arith, tensor = dialect("arith"), dialect("tensor")
        (left, right), (middle, high) = heads, ends
        one, less = index_constant(1), arith.CmpIPredicate.slt
        # Beyond its end a run has no element: some other one is read, and not used.
        last = arith.subi(self.size, one)
        firsts = [self._read(one_, arith.minsi(left, last)) for one_ in old]
        seconds = [self._read(one_, arith.minsi(right, last)) for one_ in old]
        there = arith.cmpi(less, left, middle)
        gone = arith.cmpi(arith.CmpIPredicate.sge, right, high)
        keep = arith.andi(there, arith.ori(gone, self._may_precede(firsts, seconds)))
        where = self._where(p)
        placed = [
            tensor.InsertOp(arith.select(keep, a, b), target, where).result
            for a, b, target in zip(firsts, seconds, new, strict=True)
        ]
        lefts = arith.select(keep, arith.addi(left, one), left)
        rights = arith.select(keep, right, arith.addi(right, one))
        return [lefts, rights, *placed]

    def _may_precede(self, firsts: list[Any], seconds: list[Any]) -> Any:
        """Whether the left element may stay before the right one."""
        block = self.sort.regions[0].blocks[0]
        both = [value for pair in zip(firsts, seconds, strict=True) for value in pair]
        (good,) = inlined(block, both)
        predicate, arith = _float_order(block), dialect("arith")
        if predicate is None:
            return good
        nan = seconds[0] if predicate in _ASCENDING else firsts[0]
        missing = arith.CmpFOp(mlir.IntegerAttr.get(_i64(), _UNORDERED), nan, nan).result
        return arith.ori(good, missing)

    def _read(self, tensor: Any, position: Any) -> Any:
        return dialect("tensor").ExtractOp(tensor, self._where(position)).result

    def _where(self, position: Any) -> list[Any]:
        return [*self.at[: self.dimension], position, *self.at[self.dimension :]]


def _float_order(block: Any) -> int | None:
    """The predicate, when elements of the first tensor are compared as floats and as they are."""
    end = list(block.operations)[-1].operation
    compare = end.operands[0].owner
    if isinstance(compare, mlir.Block) or compare.name != "arith.cmpf":
        return None
    if list(compare.operands) != list(block.arguments)[:2]:
        return None
    predicate = int(compare.attributes["predicate"].value)
    return predicate if predicate in _ASCENDING + _DESCENDING else None


def _i64() -> Any:
    return mlir.IntegerType.get_signless(64)
