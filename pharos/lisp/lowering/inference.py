"""What MLIR's type inference takes for granted, and crashes without."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pharos.core.errors import UserError
from pharos.ir.bindings import mlir
from pharos.lisp.lowering.draft import Draft

# The kind of the first operand. Found by trying every operation of the dialects with operands of
# every kind.
_FIRST_OPERAND = {
    "complex.abs": "complex",
    "complex.angle": "complex",
    "complex.im": "complex",
    "complex.re": "complex",
    "gpu.subgroup_mma_extract_thread_local": "mma matrix",
    "llvm.extractelement": "vector",
    "memref.extract_strided_metadata": "memref",
    "memref.generic_atomic_rmw": "memref",
    "memref.load": "memref",
    "tensor.extract": "tensor",
    "vector.deinterleave": "vector",
    "vector.extract": "vector",
    "vector.interleave": "vector",
    "vector.shuffle": "vector",
    "vector.to_elements": "vector",
}
_KINDS: dict[str, Callable[[Any], bool]] = {
    "complex": lambda type_: isinstance(type_, mlir.ComplexType),
    "memref": lambda type_: isinstance(type_, mlir.MemRefType),
    "tensor": lambda type_: isinstance(type_, mlir.RankedTensorType),
    "vector": lambda type_: isinstance(type_, mlir.VectorType),
    "mma matrix": lambda type_: str(type_).startswith("!gpu.mma_matrix"),
}
_ATTRIBUTE = {"vector.extract": "static_position", "vector.shuffle": "mask"}


def check_inferable(made: Draft, operands: Sequence[Any], attributes: Mapping[str, Any]) -> None:
    """Raise UserError unless inferring the result types of ``made`` is safe."""
    wanted = _FIRST_OPERAND.get(made.name)
    if wanted is None:
        return
    first = operands[0].type if operands else None
    if not _KINDS[wanted](first):
        raise UserError(
            f"{made.name} expects a {wanted} as its first operand, got {first or 'no operand'}",
            span=made.span,
        )
    key = _ATTRIBUTE.get(made.name)
    if key is None:
        return
    numbers = attributes.get(key)
    if not isinstance(numbers, mlir.DenseI64ArrayAttr):
        raise UserError(f"{made.name} needs :{key} array<i64: ...>", span=made.span)
    if made.name == "vector.extract" and len(numbers) > operands[0].type.rank:
        raise UserError(
            f"{made.name}: {len(numbers)} positions in a vector of rank {operands[0].type.rank}",
            span=made.key_spans.get(key) or made.span,
        )
