"""What MLIR's type inference takes for granted, and crashes without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pharos.core.errors import UserError
from pharos.ir.bindings import mlir
from pharos.lisp.lower.draft import Draft

# The kind of the first operand. Found by trying every operation of the dialects with operands of
# every kind.
_FIRST_OPERAND = {
    "complex.abs": "complex",
    "complex.angle": "complex",
    "complex.im": "complex",
    "complex.re": "complex",
    "gpu.subgroup_mma_extract_thread_local": "!gpu.mma_matrix",
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
_ATTRIBUTE = {"vector.extract": "static_position", "vector.shuffle": "mask"}


def check_inferable(made: Draft, operands: Sequence[Any], attributes: Mapping[str, Any]) -> None:
    """Raise UserError unless inferring the result types of ``made`` is safe."""
    wanted = _FIRST_OPERAND.get(made.name)
    if wanted is None:
        return
    found = str(operands[0].type) if operands else "no operand"
    if not found.startswith(wanted):
        raise UserError(
            f"{made.name} expects a {wanted} as its first operand, got {found}", span=made.span
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
