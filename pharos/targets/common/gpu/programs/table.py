"""The functions of MLIR's GPU run time that host code calls, and ours that take their place.

Signatures are those of mlir/lib/ExecutionEngine/CudaRuntimeWrappers.cpp and
RocmRuntimeWrappers.cpp. Ours take one more number before the others: which place of the program
calls (``calls.PLACES``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Signature:
    """Result and parameters by LLVM's names: "i8", "i32", "i64", "ptr", "void"."""

    result: str
    parameters: tuple[str, ...]


def _takes(*parameters: str, gives: str = "void") -> Signature:
    return Signature(gives, parameters)


_STREAM = _takes("ptr")
RUN_TIME: Mapping[str, Signature] = {
    "mgpuMemAlloc": _takes("i64", "ptr", "i8", gives="ptr"),
    "mgpuMemFree": _takes("ptr", "ptr"),
    "mgpuMemcpy": _takes("ptr", "ptr", "i64", "ptr"),
    "mgpuMemset32": _takes("ptr", "i32", "i64", "ptr"),
    "mgpuMemset16": _takes("ptr", "i16", "i64", "ptr"),
    # Rank, the memref's descriptor, bytes of an element.
    "mgpuMemHostRegisterMemRef": _takes("i64", "ptr", "i64"),
    "mgpuMemHostUnregisterMemRef": _takes("i64", "ptr", "i64"),
    "mgpuStreamCreate": _takes(gives="ptr"),
    "mgpuStreamDestroy": _STREAM,
    "mgpuStreamSynchronize": _STREAM,
    "mgpuStreamWaitEvent": _takes("ptr", "ptr"),
    "mgpuEventCreate": _takes(gives="ptr"),
    "mgpuEventDestroy": _STREAM,
    "mgpuEventSynchronize": _STREAM,
    "mgpuEventRecord": _takes("ptr", "ptr"),
    # Called by programs themselves, through their C interface: result, argument.
    "_mlir_ciface_mgpuMemGetDeviceMemRef1dFloat": _takes("ptr", "ptr"),
    "_mlir_ciface_mgpuMemGetDeviceMemRef2dFloat": _takes("ptr", "ptr"),
}
LAUNCH = "pharos_gpu_launch"
# Place, grid and block (x, y, z each), bytes of dynamic shared memory, stream (null: wait for the
# end), operands 8 bytes apart.
LAUNCHING = _takes("i32", *["i64"] * 6, "i32", "ptr", "ptr")


def ours(name: str) -> str:
    """The function that takes the place of ``name``."""
    return f"pharos_{name}"


def provided() -> dict[str, Signature]:
    """All functions that a program's host code may call, with their signatures."""
    renamed = {
        ours(name): Signature(signature.result, ("i32", *signature.parameters))
        for name, signature in RUN_TIME.items()
    }
    return {**renamed, LAUNCH: LAUNCHING}
