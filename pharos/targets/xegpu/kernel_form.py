"""The pipeline step that prepares kernels for MLIR's lowering to SPIR-V's flavour of LLVM.

    gpu.func @k(%a: memref<8x4xf32>, %n: index)
        workgroup(%s: memref<64xf32, #gpu.address_space<workgroup>>)
      ==>
    gpu.func @k(%a: memref<8x4xf32>, %n: index)
        workgroup(%s: memref<64xf32, 3>)
        attributes {intel_reqd_sub_group_size = 16, pharos.arguments = [2, -1], ...}

* Work-items of a subgroup: without a number the driver chooses, and shuffles and matrix
  instructions mean something else. MLIR lowers gpu.shuffle only with it, and then drops it.
* Workgroup memory by number (3 is SPIR-V's Workgroup): convert-gpu-to-llvm-spv leaves accesses to
  attributes that it does not map unconverted.
* The rank of each argument (-1: no memref), with which ``spirv/arguments.py`` finds it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import mlir

SIZE = "intel_reqd_sub_group_size"
# Attributes that the lowering keeps: it drops those it knows.
NOTED_SIZE, ARGUMENTS = "pharos.subgroup_size", "pharos.arguments"
LOCAL = 3


@dataclass(frozen=True)
class KernelForm:
    """Prepare every kernel; subgroups have ``subgroup_size`` work-items."""

    name: ClassVar[str] = "kernel-form"
    subgroup_size: int = 16

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context, mlir.Location.unknown():
            for kernels in operations(module, "gpu.module"):
                for op in operations(kernels):
                    if op.name == "gpu.func":
                        _note(op, self.subgroup_size)
                    for value in (*op.results, *_arguments(op)):
                        _number_space(value)
        return module


def _note(kernel: Any, size: int) -> None:
    if SIZE not in kernel.attributes:
        i32 = mlir.IntegerType.get_signless(32)
        kernel.attributes[SIZE] = mlir.IntegerAttr.get(i32, size)
    kernel.attributes[NOTED_SIZE] = kernel.attributes[SIZE]
    inputs = mlir.FunctionType(mlir.TypeAttr(kernel.attributes["function_type"]).value).inputs
    ranks = [mlir.MemRefType(t).rank if isinstance(t, mlir.MemRefType) else -1 for t in inputs]
    kernel.attributes[ARGUMENTS] = mlir.DenseI64ArrayAttr.get(ranks)


def _arguments(operation: Any) -> list[Any]:
    return [a for region in operation.regions for block in region.blocks for a in block.arguments]


def _number_space(value: Any) -> None:
    """Give ``value`` the numbered type when it is a memref in workgroup memory."""
    if not isinstance(value.type, mlir.MemRefType):
        return
    kind = mlir.MemRefType(value.type)
    if str(kind.memory_space) != "#gpu.address_space<workgroup>":
        return
    space = mlir.IntegerAttr.get(mlir.IntegerType.get_signless(64), LOCAL)
    value.set_type(mlir.MemRefType.get(kind.shape, kind.element_type, kind.layout, space))
