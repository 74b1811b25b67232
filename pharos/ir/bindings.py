"""The one file that imports MLIR's Python bindings.

Everything else in Pharos takes MLIR from here: ``from pharos.ir.bindings import mlir, arith``.
The wheel ships the bindings under the package name ``torch_mlir``; it needs no torch.
"""

from __future__ import annotations

import functools
import importlib
from types import ModuleType
from typing import Any

import torch_mlir.ir as mlir
from torch_mlir._mlir_libs import _mlirRegisterEverything
from torch_mlir.passmanager import PassManager

__all__ = ["MLIRError", "PassManager", "dialect", "mlir", "register_translations"]

MLIRError = mlir.MLIRError


def register_translations(context: Any) -> None:
    """Register the translation to LLVM IR for every dialect that has one."""
    _mlirRegisterEverything.register_llvm_translations(context)


@functools.cache
def dialect(name: str) -> ModuleType:
    """The builders of one dialect (``dialect("arith").addi(a, b)``).

    Imported on first use: loading all of them takes longer than compiling a small program.
    """
    return importlib.import_module(f"torch_mlir.dialects.{name}")


def execution_engine() -> Any:
    """MLIR's ExecutionEngine class."""
    return importlib.import_module("torch_mlir.execution_engine").ExecutionEngine


def transform_interpreter() -> ModuleType:
    """The interpreter of transform scripts."""
    return importlib.import_module("torch_mlir.dialects.transform.interpreter")


def fill_linalg_body(operation: Any) -> None:
    """Give a named linalg operation the body that its name stands for.

    ``operation`` must be in a block, have one empty region, and operands that fit it: MLIR
    checks none of this.
    """
    importlib.import_module("torch_mlir._mlir_libs._mlirDialectsLinalg").fill_builtin_region(
        operation
    )


def torch_importer() -> ModuleType:
    """torch-mlir's importer of fx graphs; it imports torch."""
    return importlib.import_module("torch_mlir.extras.fx_importer")


def torch_decompositions() -> dict[Any, Any]:
    """The decompositions of torch's operators that torch-mlir's lowering counts on."""
    tool = importlib.import_module("torch_mlir.extras.fx_decomp_util")
    table: dict[Any, Any] = tool.get_decomposition_table()
    return dict(table)


def register_torch(context: Any) -> None:
    """Make the torch dialect, which needs no torch, available in ``context``."""
    importlib.import_module("torch_mlir.dialects.torch").register_dialect(context)


def register_tm_tensor(context: Any) -> None:
    """Make the dialect tm_tensor (scans, sorts; needs no torch) available in ``context``.

    The wheel has no call for it; passes whose results are in it load it.
    """
    importlib.import_module("torch_mlir._mlir_libs._torchMlir")
    with context, mlir.Location.unknown():
        manager = PassManager.parse("builtin.module(func.func(convert-torch-to-tmtensor))")
        manager.run(mlir.Module.create().operation)


def linalg_indexing_maps(operation: Any) -> list[Any] | None:
    """The indexing maps of a linalg operation of any form; None for one that has none."""
    found = importlib.import_module("torch_mlir._mlir_libs._mlirDialectsLinalg").get_indexing_maps(
        operation
    )
    return None if found is None else [attribute.value for attribute in found]
