"""What a body fetches by an index that is data is checked: torch-mlir trusts some indices.

    %at = index_cast %in; yield tensor.extract %x[%at, %j]
    ==>
    %at = index_cast %in; cf.assert 0 <= %at < dim %x, 0; yield tensor.extract %x[%at, %j]

PyTorch raises IndexError for such an index; here it would read whatever memory is there.
"""

from __future__ import annotations

from typing import Any

from pharos import ir
from pharos.ir.bindings import dialect, mlir


def check_fetches(module: Any) -> None:
    """Assert, in place, that indices which are data lie in the tensors that they are used for.
    Bodies that have assertions of their own are left."""
    bodies: dict[Any, list[Any]] = {}
    for fetch in ir.operations(module, "tensor.extract"):
        if fetch.parent is not None and fetch.parent.name == "linalg.generic":
            bodies.setdefault(fetch.parent, []).append(fetch)
    for generic, fetches in bodies.items():
        if ir.contains(generic, "cf.assert"):
            continue
        for fetch in fetches:
            tensor, *indices = fetch.operands
            for axis, index in enumerate(indices):
                if _is_data(index, generic.regions[0].blocks[0]):
                    with mlir.InsertionPoint(fetch), fetch.location:
                        _assert_inside(tensor, axis, index)


def _is_data(index: Any, body: Any) -> bool:
    """Whether ``index`` is computed in ``body`` from whole numbers that it reads, and from those
    alone: what was computed from floats, torch-mlir has clamped."""
    pending, read = [index], False
    while pending:
        value = pending.pop()
        if not isinstance(value.type, mlir.IntegerType | mlir.IndexType):
            return False
        if isinstance(value.owner, mlir.Block):
            read = read or value.owner == body
        elif value.owner.operation.block == body and value.owner.name != "tensor.dim":
            pending += value.owner.operands
    return read


def _assert_inside(tensor: Any, axis: int, index: Any) -> None:
    """``cf.assert`` that ``index`` is one of an ``axis`` of ``tensor``."""
    arith, kind = dialect("arith"), mlir.IndexType.get()
    known = not tensor.type.is_dynamic_dim(axis)
    if known:
        size = arith.constant(kind, tensor.type.shape[axis])
        said = f"an index is outside of axis {axis}, whose size is {tensor.type.shape[axis]}"
    else:
        size = dialect("tensor").dim(tensor, arith.constant(kind, axis))
        said = f"an index is outside of axis {axis}"
    # As numbers without a sign, negative ones are the largest.
    inside = arith.cmpi(arith.CmpIPredicate.ult, index, size)
    attributes = {"msg": mlir.StringAttr.get(said)}
    mlir.Operation.create("cf.assert", operands=[inside], attributes=attributes)
