"""Scatters (gradients of lookups and of max pooling, index_add, ...) become loops over updates.

    %r = tm_tensor.scatter ins(%updates, %indices) outs(%x) { (u, x): yield x + u }
    ==>
    for i, for each place s of an update's slice:
      at = indices[i] (+ s);  assert it is inside;  x[at] = x[at] + updates[i, s]

Updates are applied in order: where several reach one element, sums are the same on every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import dialect, mlir
from pharos.transform.tensor_loops import each_on_tensors, index_constant, inlined, nest, size_of

_OUTSIDE = "an index of a scatter is outside of the tensor"


@dataclass(frozen=True)
class Scatters:
    """``tm_tensor.scatter`` on tensors  ==>  ``scf.for`` with ``tensor.insert``."""

    name: ClassVar[str] = "scatters"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place. CompileError for a scatter on memrefs."""
        each_on_tensors(module, "tm_tensor.scatter", _rewrite)
        return module


def _rewrite(scatter: Any) -> None:
    updates, indices, original = scatter.operands
    mapped = list(mlir.DenseI64ArrayAttr(scatter.attributes["dimension_map"]))
    with mlir.InsertionPoint(scatter), scatter.location:
        sizes = [size_of(updates, d) for d in range(updates.type.rank)]

        def body(at: list[Any], carried: list[Any]) -> list[Any]:
            (target,) = carried
            where = _place(at, indices, target, mapped)
            tensor = dialect("tensor")
            update = tensor.ExtractOp(updates, at).result
            before = tensor.ExtractOp(target, where).result
            (after,) = inlined(scatter.regions[0].blocks[0], [update, before])
            return [tensor.InsertOp(after, target, where).result]

        (result,) = nest(sizes, [original], body)
    scatter.results[0].replace_all_uses_with(result)
    scatter.erase()


def _place(at: list[Any], indices: Any, target: Any, mapped: list[int]) -> list[Any]:
    """Where the element ``at`` of the updates goes, asserted to be inside of ``target``.

    The slice of an update lies along the last dimensions; an index is added where both meet.
    """
    arith, rank = dialect("arith"), target.type.rank
    update, *inside = at
    where: list[Any] = [None] * (rank - len(inside)) + inside
    for column, dimension in enumerate(mapped):
        stored = dialect("tensor").ExtractOp(indices, [update, index_constant(column)]).result
        one = arith.index_cast(mlir.IndexType.get(), stored)
        known = where[dimension]
        where[dimension] = one if known is None else arith.addi(one, known)
        # Unsigned: a negative index is beyond every size.
        size = size_of(target, dimension)
        good = arith.cmpi(arith.CmpIPredicate.ult, where[dimension], size)
        dialect("cf").AssertOp(good, _OUTSIDE)
    return [index_constant(0) if index is None else index for index in where]
