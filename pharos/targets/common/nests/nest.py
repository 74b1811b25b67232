"""A linalg operation on memrefs, read as a loop nest with one access pattern per operand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index

# MLIR's mark for a size, stride or offset that is known only at run time.
DYNAMIC = -(2**63)


@dataclass(frozen=True)
class Access:
    """How the nest reaches one operand: the affine index expressions of each memref dimension."""

    operand: int
    type: Any
    indices: tuple[Any, ...]
    map: Any

    @property
    def element(self) -> Any:
        return self.type.element_type

    def uses(self, dim: int) -> bool:
        """Whether the element reached depends on loop ``dim``."""
        return any(expression_uses(e, dim) for e in self.indices)

    def stride(self, dim: int) -> int | None:
        """Elements of memory that one step of loop ``dim`` moves by; None when that varies or is
        known only at run time."""
        strides, _ = self.type.get_strides_and_offset()
        moved = 0
        for expression, stride in zip(self.indices, strides, strict=True):
            factor = _coefficient(expression, dim)
            if factor is None or (factor and stride == DYNAMIC):
                return None
            moved += factor * stride if factor else 0
        return moved

    def contiguous(self, dim: int) -> bool:
        """Whether one step of loop ``dim`` moves by exactly one element in memory."""
        return self.steady(dim) and self.stride(dim) == 1

    def steady(self, dim: int) -> bool:
        """Whether vectors along loop ``dim`` can be loaded: every step moves by the same known
        number of elements (or by none), in a memref whose rows have no gaps."""
        if not self.uses(dim):
            return True
        strides, _ = self.type.get_strides_and_offset()
        return bool(strides) and strides[-1] == 1 and self.stride(dim) is not None


@dataclass(frozen=True)
class Nest:
    """The loop nest of ``operation``: ``parallel[d]`` tells the kind of loop ``d``.

    ``start`` has, for operands that are written and need not be read first, the number that they
    begin with.
    """

    operation: Any
    parallel: tuple[bool, ...]
    inputs: tuple[Access, ...]
    outputs: tuple[Access, ...]
    start: Mapping[int, Any] = field(default_factory=dict)

    @property
    def body(self) -> Any:
        return self.operation.regions[0].blocks[0]

    @property
    def accesses(self) -> tuple[Access, ...]:
        return self.inputs + self.outputs

    @property
    def reductions(self) -> tuple[int, ...]:
        return tuple(d for d, parallel in enumerate(self.parallel) if not parallel)

    def streamed(self, access: Access) -> bool:
        """Whether the output ``access`` moves along a reduction loop, as the results of a scan do:
        it is stored in every iteration, the other outputs after the last."""
        return any(access.uses(d) for d in self.reductions)

    def size(self, dim: int) -> int | None:
        """The trip count of loop ``dim`` when it is known now."""
        source = self.size_source(dim)
        if source is None:
            return None
        operand, position = source
        number = self.accesses[operand].type.shape[position]
        return int(number) if number >= 0 else None

    def size_source(self, dim: int) -> tuple[int, int] | None:
        """An operand and the position in its shape that give the trip count of loop ``dim``."""
        for access in self.accesses:
            for position, e in enumerate(access.indices):
                if isinstance(e, mlir.AffineDimExpr) and e.position == dim:
                    return access.operand, position
        return None


def generics(module: Any) -> list[Any]:
    """Every ``linalg.generic`` of ``module`` that is on memrefs."""
    return [found for found in operations(module, "linalg.generic") if not len(found.results)]


def read_nest(operation: Any) -> Nest | None:
    """The nest of a ``linalg.generic`` on memrefs; None when it is not one or is out of reach.

    Out of reach are tensors, scalars passed as operands, and loops whose trip count no operand
    shows.
    """
    maps = [attribute.value for attribute in operation.attributes["indexing_maps"]]
    if not all(isinstance(v.type, mlir.MemRefType) for v in operation.operands):
        return None
    kinds = [str(kind) for kind in operation.attributes["iterator_types"]]
    accesses = []
    for number, (value, map_) in enumerate(zip(operation.operands, maps, strict=True)):
        accesses.append(Access(number, mlir.MemRefType(value.type), tuple(map_.results), map_))
    inputs = operation.attributes["operandSegmentSizes"][0]
    nest = Nest(
        operation,
        tuple("parallel" in kind for kind in kinds),
        tuple(accesses[:inputs]),
        tuple(accesses[inputs:]),
    )
    if any(nest.size_source(dim) is None for dim in range(len(kinds))):
        return None
    return nest


def trip_count(nest: Nest, dim: int, buffers: Sequence[Any]) -> Any:
    """The number of iterations of loop ``dim``, read at the insertion point from ``buffers`` where
    it is not known."""
    known = nest.size(dim)
    if known is not None:
        return index.constant(known)
    source = nest.size_source(dim)
    if source is None:
        raise ValueError(f"loop {dim} has no operand that shows its size")
    operand, position = source
    return dialect("memref").dim(buffers[operand], index.constant(position))


def expression_uses(expression: Any, dim: int) -> bool:
    """Whether the affine ``expression`` mentions loop ``dim``."""
    if isinstance(expression, mlir.AffineDimExpr):
        return bool(expression.position == dim)
    if isinstance(expression, mlir.AffineBinaryExpr):
        return expression_uses(expression.lhs, dim) or expression_uses(expression.rhs, dim)
    return False


def _coefficient(expression: Any, dim: int) -> int | None:
    """The factor of ``dim`` in a linear ``expression``; None when it is not linear in ``dim``."""
    if isinstance(expression, mlir.AffineDimExpr):
        return int(expression.position == dim)
    if isinstance(expression, mlir.AffineConstantExpr):
        return 0
    if isinstance(expression, mlir.AffineAddExpr):
        left, right = (_coefficient(e, dim) for e in (expression.lhs, expression.rhs))
        return None if left is None or right is None else left + right
    if isinstance(expression, mlir.AffineMulExpr) and isinstance(
        expression.rhs, mlir.AffineConstantExpr
    ):
        left = _coefficient(expression.lhs, dim)
        return None if left is None else left * int(expression.rhs.value)
    return 0 if not expression_uses(expression, dim) else None
