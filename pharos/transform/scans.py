"""Scans (cumulative sums, products, ...) become ``linalg.generic`` operations that run in order.

    %y, %last = tm_tensor.scan dimension(1) inclusive(true) ins(%x) outs(%e, %start)
    ==>
    %y, %last = linalg.generic {x: (i, j) -> (i, j), y: (i, j) -> (i, j), last: (i, j) -> (i),
                                iterators: i parallel, j reduction}
      ins(%x) outs(%e, %start) { new = combine(last, x); yield new, new }

The mark of a scan is an output that moves along a reduction loop: what such an operation means
depends on the order of that loop, and every lowering of Pharos and of MLIR runs reduction loops
from the first iteration to the last. As generics they are bufferised, and take elementwise
producers (a mask, a scale) into their bodies, as any reduction does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos import ir
from pharos.ir.bindings import mlir


@dataclass(frozen=True)
class Scans:
    """``tm_tensor.scan`` on tensors  ==>  ``linalg.generic``."""

    name: ClassVar[str] = "scans"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place.

        Raises CompileError for a scan on memrefs, and for an exclusive one whose last
        accumulator is used: whether it includes the last element is not defined.
        """
        with module.context:
            for operation in ir.operations(module, "tm_tensor.scan"):
                _refuse_what_has_no_meaning(operation)
                _rewrite(operation)
        return module


def _refuse_what_has_no_meaning(scan: Any) -> None:
    problem = None
    if not len(scan.results):
        problem = "a scan is supported on tensors, found memrefs"
    elif not _inclusive(scan) and list(scan.results[1].uses):
        problem = "the accumulator of an exclusive scan is used, and is not defined"
    if problem is not None:
        raise ir.CompileError(problem, span=ir.span_of(scan.location))


def _inclusive(scan: Any) -> bool:
    return bool(scan.attributes["inclusive"].value)


def _rewrite(scan: Any) -> None:
    source, *starts = scan.operands
    rank, dim = source.type.rank, scan.attributes["dimension"].value
    identity = mlir.AffineMap.get_identity(rank)
    row = mlir.AffineMap.get(rank, 0, [mlir.AffineExpr.get_dim(d) for d in range(rank) if d != dim])
    kinds = ["reduction" if d == dim else "parallel" for d in range(rank)]
    attributes = {
        "indexing_maps": mlir.ArrayAttr.get(
            [mlir.AffineMapAttr.get(m) for m in (identity, identity, row)]
        ),
        "iterator_types": mlir.ArrayAttr.get(
            [mlir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]
        ),
        "operandSegmentSizes": mlir.DenseI32ArrayAttr.get([1, len(starts)]),
    }
    with mlir.InsertionPoint(scan), scan.location:
        # The builders of linalg take longer to import than a program takes to compile.
        generic = mlir.Operation.create(
            "linalg.generic",
            results=[value.type for value in starts],
            operands=[source, *starts],
            attributes=attributes,
            regions=1,
        )
        elements = [value.type.element_type for value in (source, *starts)]
        places = [scan.location] * len(elements)
        block = mlir.Block.create_at_start(generic.regions[0], elements, places)
        _fill_body(scan, block)
    for old, new in zip(scan.results, generic.results, strict=True):
        old.replace_all_uses_with(new)
    scan.erase()


def _fill_body(scan: Any, block: Any) -> None:
    """Move the combination into ``block``, whose arguments are the element, the old output and
    what has been accumulated."""
    element, _, before = block.arguments
    combination = scan.regions[0].blocks[0]
    for argument, value in zip(combination.arguments, (before, element), strict=True):
        argument.replace_all_uses_with(value)
    *body, end = [operation.operation for operation in combination.operations]
    with mlir.InsertionPoint(block):
        for operation in body:
            mlir.InsertionPoint.current.insert(operation.detach_from_parent())
        after = end.operands[0]
        results = [after if _inclusive(scan) else before, after]
        mlir.Operation.create("linalg.yield", operands=results)
