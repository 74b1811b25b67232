"""How a tensor came from another whose elements were put into zeros.

    %z = linalg.fill ins(0) outs(%e)
    %s = tensor.insert_slice %x into %z[0, 0, 1, 1] [2, 3, 5, 7] [1, 1, 2, 2]

The slice may then be cropped, and dimensions that are whole and without zeros may be split.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pharos.ir.bindings import mlir

# MLIR's mark for a size, stride or offset that is known only at run time.
DYNAMIC = -(2**63)


@dataclass(frozen=True)
class Placed:
    """``source`` in zeros: per dimension its size, where element 0 is, and how far apart they
    are, after dimensions were split as ``groups`` says."""

    source: Any
    sizes: tuple[int, ...]
    offsets: tuple[int, ...]
    strides: tuple[int, ...]
    groups: list[list[int]] | None = None

    def plain(self, number: int, size: int) -> bool:
        """Whether dimension ``number``, of ``size``, is the source's without anything added."""
        spot = (self.sizes[number], self.offsets[number], self.strides[number])
        return spot == (size, 0, 1)


def placed_in_zeros(value: Any) -> Placed | None:
    """How ``value`` came from a tensor whose elements were put into zeros."""
    name = name_of(value)
    if name == "tensor.insert_slice":
        return _inserted(value.owner.operation)
    if name == "tensor.extract_slice":
        return _cropped(value.owner.operation)
    return _split(value.owner.operation) if name == "tensor.expand_shape" else None


def _inserted(operation: Any) -> Placed | None:
    source, target = operation.operands[0], operation.operands[1]
    offsets, strides = (_numbers(operation, f"static_{name}") for name in ("offsets", "strides"))
    known = source.type.has_static_shape and target.type.has_static_shape
    if not known or source.type.rank != target.type.rank or not _zeros(target):
        return None
    if DYNAMIC in (*offsets, *strides):
        return None
    return Placed(source, tuple(source.type.shape), offsets, strides)


def _cropped(operation: Any) -> Placed | None:
    inner = placed_in_zeros(operation.operands[0])
    offsets, strides = (_numbers(operation, f"static_{name}") for name in ("offsets", "strides"))
    same_rank = operation.results[0].type.rank == operation.operands[0].type.rank
    if inner is None or inner.groups is not None or not same_rank:
        return None
    if not operation.results[0].type.has_static_shape or DYNAMIC in offsets or {*strides} != {1}:
        return None
    moved = tuple(a - b for a, b in zip(inner.offsets, offsets, strict=True))
    return replace(inner, offsets=moved)


def _split(operation: Any) -> Placed | None:
    """Dimensions that are whole and without zeros may be split; the others keep their numbers."""
    inner = placed_in_zeros(operation.operands[0])
    if inner is None or inner.groups is not None:
        return None
    groups = [[int(n) for n in group] for group in operation.attributes["reassociation"]]
    whole, shape = operation.operands[0].type.shape, operation.results[0].type.shape
    sizes: list[int] = []
    offsets: list[int] = []
    strides: list[int] = []
    for number, group in enumerate(groups):
        if len(group) > 1 and not inner.plain(number, whole[number]):
            return None
        own = [inner.sizes[number]] if len(group) == 1 else [shape[n] for n in group]
        sizes += own
        offsets += [inner.offsets[number]] if len(group) == 1 else [0] * len(group)
        strides += [inner.strides[number]] if len(group) == 1 else [1] * len(group)
    return Placed(inner.source, tuple(sizes), tuple(offsets), tuple(strides), groups)


def _zeros(value: Any) -> bool:
    """Whether every element of ``value`` is the number zero."""
    if name_of(value) == "linalg.fill":
        return _is_zero(value.owner.operands[0])
    if name_of(value) == "linalg.generic":
        found = spread(value.owner.operation)
        return found is not None and _is_zero(found)
    return _is_zero(value)


def spread(operation: Any) -> Any:
    """What the ``linalg.generic`` writes into all of its only result without computing: an
    operand, or a value from outside. None when it does something else."""
    body = operation.regions[0].blocks[0]
    maps = [attribute.value for attribute in operation.attributes["indexing_maps"]]
    if len(list(body.operations)) != 1 or len(operation.results) != 1:
        return None
    end = next(iter(body.operations)).operation.operands[0]
    rank = operation.results[0].type.rank
    if maps[-1] != mlir.AffineMap.get_identity(rank) or end == body.arguments[len(maps) - 1]:
        return None
    inside = list(body.arguments)
    return operation.operands[inside.index(end)] if end in inside else end


def _is_zero(value: Any) -> bool:
    if name_of(value) != "arith.constant":
        return False
    attribute = value.owner.attributes["value"]
    if isinstance(attribute, mlir.DenseElementsAttr):
        if not attribute.is_splat:
            return False
        attribute = attribute.get_splat_value()
    return bool(attribute.value == 0)


def _numbers(operation: Any, name: str) -> tuple[int, ...]:
    return tuple(operation.attributes[name])


def name_of(value: Any) -> str:
    """The name of the operation that makes ``value``; "" for an argument."""
    owner = value.owner
    return "" if isinstance(owner, mlir.Block) else str(owner.name)
