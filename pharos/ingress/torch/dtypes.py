"""Element types: torch's and Pharos's names."""

from __future__ import annotations

from typing import Any

import torch

from pharos.core.errors import UserError

NAMES: dict[Any, str] = {
    torch.float64: "f64",
    torch.float32: "f32",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.int64: "i64",
    torch.int32: "i32",
    torch.int16: "i16",
    torch.int8: "i8",
    # MLIR's integers have no sign of their own; its operations do.
    torch.uint8: "i8",
    torch.bool: "i1",
}


def name_of(dtype: Any, what: str) -> str:
    """Pharos's name of ``dtype``. Raises UserError that tells of ``what``."""
    if dtype not in NAMES:
        known = ", ".join(str(one).removeprefix("torch.") for one in NAMES)
        raise UserError(
            f"{what}: expected elements among {known}, found {str(dtype).removeprefix('torch.')}",
            hint="convert it in the model, for instance with .float()",
        )
    return NAMES[dtype]
