"""The kernels of a module as LLVM IR text."""

from __future__ import annotations

from typing import Any

from pharos import ir
from pharos.core.errors import UserError
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.gpu.downgrade import downgraded
from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.kind import GpuKind
from pharos.targets.common.gpu.vetting import vet

_DYNAMIC = "__dynamic_shmem__"
# Bytes. TMA's swizzles of 128 bytes repeat after 1024 (PTX ISA, "Tensor copies: swizzling modes").
_DYNAMIC_ALIGNMENT = 1024


def llvm_ir(module: Any, kind: GpuKind, facts: GpuFacts, *, simulated: bool = False) -> str:
    """The ``gpu.module`` of ``module``, in the LLVM dialect, as text that LLVM 22 reads.

    Kernels for a ``simulated`` device may call what only simulated devices have. With debug
    locations: where in the payload each instruction comes from. UserError or CompileError, with
    the place, for what has no translation.
    """

    def known(name: str) -> bool:
        return kind.known_external(name) or (simulated and name in kind.simulated_external)

    vet(_gpu_module(module), kind.dialects, known)
    alone = _alone(module)
    with module.context:
        _fix_dynamic_shared(alone)
        kind.finish(alone, facts)
    ir.verify(alone)
    ir.run_passes(alone, "ensure-debug-info-scope-on-llvm-func{emission-kind=LineTablesOnly}")
    text: str = dialect("llvm").translate_module_to_llvmir(alone.operation)
    return downgraded(text)


def kernel_names(module: Any) -> list[str]:
    """The kernels in the ``gpu.module`` of ``module``."""
    return [
        op.attributes["sym_name"].value
        for op in _gpu_module(module).regions[0].blocks[0].operations
        if "gpu.kernel" in op.operation.attributes
    ]


def _gpu_module(module: Any) -> Any:
    found = [op.operation for op in module.body.operations if op.operation.name == "gpu.module"]
    if len(found) != 1:
        raise UserError(
            f"expected kernels in one gpu.module, found {len(found) or 'none'}",
            hint="a GPU target compiles what computes on arrays; does the function do anything?",
        )
    return found[0]


def _alone(module: Any) -> Any:
    """The operations in the ``gpu.module`` in a module of their own."""
    source = _gpu_module(module)
    with module.context:
        copy = mlir.Module.create(source.location)
        for operation in source.regions[0].blocks[0].operations:
            copy.body.append(operation.operation.clone())
    return copy


def _fix_dynamic_shared(alone: Any) -> None:
    """Let dynamic shared memory begin behind the static one, where the launch puts it.

    MLIR makes it an internal array of no elements, which overlaps static arrays.
    """
    i64 = mlir.IntegerType.get_signless(64)
    for operation in alone.body.operations:
        operation = operation.operation
        if operation.name != "llvm.mlir.global":
            continue
        if operation.attributes["sym_name"].value.startswith(_DYNAMIC):
            operation.attributes["linkage"] = mlir.Attribute.parse("#llvm.linkage<external>")
            operation.attributes["alignment"] = mlir.IntegerAttr.get(i64, _DYNAMIC_ALIGNMENT)
