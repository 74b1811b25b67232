"""Masked loads and stores of bf16 and f16 vectors as accesses of 16-bit integers.

LLVM splits them into one branch per lane where the CPU has no arithmetic of the type, and then
calls conversion routines that no library of ours provides; masked accesses of 16-bit integers
are one instruction with AVX-512BW and plain code elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir

_HALVES = ("bf16", "f16")
_LOAD, _STORE = "llvm.intr.masked.load", "llvm.intr.masked.store"


@dataclass(frozen=True)
class HalfMasks:
    """Retype ``llvm.intr.masked.load`` and ``.store`` of 16-bit floats; others are kept."""

    name: ClassVar[str] = "half-masks"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module``, which is in the LLVM dialect, in place."""
        with module.context:
            for op in operations(module, _LOAD, _STORE):
                load = op.name == _LOAD
                value = op.results[0] if load else op.operands[0]
                if _is_half(value.type):
                    with mlir.InsertionPoint(op), op.location:
                        _load(op) if load else _store(op)
        return module


def _is_half(type_: Any) -> bool:
    return isinstance(type_, mlir.VectorType) and str(type_.element_type) in _HALVES


def _integers(type_: Any) -> Any:
    return mlir.VectorType.get(type_.shape, mlir.IntegerType.get_signless(16))


def _load(op: Any) -> None:
    bitcast = dialect("llvm").bitcast
    type_ = op.results[0].type
    pointer, mask, *through = op.operands
    through = [bitcast(_integers(type_), v) for v in through]
    new = mlir.Operation.create(
        op.name,
        results=[_integers(type_)],
        operands=[pointer, mask, *through],
        attributes={name: op.attributes[name] for name in op.attributes},
    )
    op.results[0].replace_all_uses_with(bitcast(type_, new.results[0]))
    op.erase()


def _store(op: Any) -> None:
    value, pointer, mask = op.operands
    mlir.Operation.create(
        op.name,
        results=[],
        operands=[dialect("llvm").bitcast(_integers(value.type), value), pointer, mask],
        attributes={name: op.attributes[name] for name in op.attributes},
    )
    op.erase()
