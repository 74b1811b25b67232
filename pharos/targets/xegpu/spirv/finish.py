"""What is done to kernels in the LLVM dialect before they become LLVM IR."""

from __future__ import annotations

from typing import Any

from pharos.targets.xegpu.spirv.arguments import plain_pointers
from pharos.targets.xegpu.spirv.bf16_bits import bf16_as_bits
from pharos.targets.xegpu.spirv.entry_arrays import arrays_at_entry
from pharos.targets.xegpu.spirv.wide_loads import split_wide_loads


def finish(module: Any) -> None:
    """Edit ``module``, whose operations are in the LLVM dialect, in place."""
    for operation in module.body.operations:
        operation = operation.operation
        if operation.name == "llvm.func" and "gpu.kernel" in operation.attributes:
            plain_pointers(operation)
            arrays_at_entry(operation)
    bf16_as_bits(module)
    split_wide_loads(module)
