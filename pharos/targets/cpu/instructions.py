"""Instructions that code asks for by name, and that the processor must have.

LLVM ends the process where it has no instruction for an intrinsic.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pharos.core.errors import UserError
from pharos.ir import operations, span_of

# What intrinsics of x86 begin with, the CPU features that they need, and their name.
_NEEDS = (
    ("avx512bf16.", frozenset({"avx512bf16"}), "AVX512-BF16"),
    ("tdpbf16ps", frozenset({"amx-tile", "amx-bf16"}), "AMX"),
)


def check_instructions(module: Any, features: Collection[str]) -> None:
    """Raise UserError with the place for an intrinsic in ``module``, which is in the LLVM dialect,
    that a processor with ``features`` does not have."""
    if all(needed <= set(features) for _, needed, _ in _NEEDS):
        return
    for operation in operations(module, "llvm.call_intrinsic"):
        name = operation.attributes["intrin"].value.removeprefix("llvm.x86.")
        for prefix, needed, what in _NEEDS:
            if name.startswith(prefix) and not needed <= set(features):
                raise UserError(
                    f"this CPU has no {what}: the code needs {name}",
                    span=span_of(operation.location),
                    hint="leave the parameter bf16_unit to its selector",
                )
