"""From a module to an exported program, without a trace left on the module."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch.export import ExportedProgram


def export(
    model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ExportedProgram:
    """``model`` called with ``args`` and ``kwargs`` as a program; the model stays as it was."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(model, args, kwargs, strict=False)
