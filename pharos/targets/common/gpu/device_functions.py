"""Calls of a vendor's math library that LLVM has an exact instruction for become that instruction.

    llvm.call @__nv_fmaf(%a, %b, %c) : (f32, f32, f32) -> f32   ==>   llvm.intr.fma(%a, %b, %c)

MLIR's conversions for GPUs call libraries (libdevice, ocml) even for a square root; no such library
is linked. Every back end has these operations itself, rounded correctly. What is not in the table
(f64 exponentials, say) stays a call, which is refused before code generation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import mlir

# The library's name without prefix and type, and LLVM's operation.
_EXACT: Mapping[str, str] = {
    "fma": "llvm.intr.fma",
    "sqrt": "llvm.intr.sqrt",
    "floor": "llvm.intr.floor",
    "ceil": "llvm.intr.ceil",
    "trunc": "llvm.intr.trunc",
    "rint": "llvm.intr.roundeven",
    "round": "llvm.intr.round",
    "fabs": "llvm.intr.fabs",
    "copysign": "llvm.intr.copysign",
    "fmod": "llvm.frem",
}
_RECIPROCAL_ROOT = "rsqrt"
# __nv_sqrtf (f32), __nv_sqrt (f64); __ocml_sqrt_f32, __ocml_sqrt_f64, __ocml_sqrt_f16.
_NAME = re.compile(r"__nv_(?P<nv>[a-z0-9]+?)f?|__ocml_(?P<ocml>[a-z0-9]+)_f(?:16|32|64)")


@dataclass(frozen=True)
class DeviceFunctions:
    """Replace the calls in the ``gpu.module``, which is in the LLVM dialect."""

    name: ClassVar[str] = "device-functions"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place; declarations that nothing uses any more go."""
        calls: list[tuple[Any, str]] = []

        for operation in operations(module, "llvm.call"):
            if "callee" in operation.attributes:
                function = _exact(_callee(operation))
                if function is not None:
                    calls.append((operation, function))
        with module.context:
            for call, function in calls:
                _replace(call, function)
            _drop_declarations(module, {_callee(call) for call, _ in calls})
            for call, _ in calls:
                call.erase()
        return module


def _callee(call: Any) -> str:
    name: str = mlir.FlatSymbolRefAttr(call.attributes["callee"]).value
    return name


def _exact(name: str) -> str | None:
    """The function in the table that ``name`` is called; None for another."""
    match = _NAME.fullmatch(name)
    function = match and (match["nv"] or match["ocml"])
    return function if function in _EXACT or function == _RECIPROCAL_ROOT else None


def _replace(call: Any, function: str) -> None:
    kind = call.results[0].type
    with mlir.InsertionPoint(call), call.location:
        if function == _RECIPROCAL_ROOT:
            one = mlir.FloatAttr.get(kind, 1.0)
            root = _made("llvm.intr.sqrt", kind, list(call.operands))
            unit = mlir.Operation.create("llvm.mlir.constant", [kind], attributes={"value": one})
            value = _made("llvm.fdiv", kind, [unit.results[0], root])
        else:
            value = _made(_EXACT[function], kind, list(call.operands))
    call.results[0].replace_all_uses_with(value)


def _made(name: str, kind: Any, operands: list[Any]) -> Any:
    return mlir.Operation.create(name, [kind], operands).results[0]


def _drop_declarations(module: Any, names: set[str]) -> None:
    found = [
        operation
        for operation in operations(module, "llvm.func")
        if operation.attributes["sym_name"].value in names
    ]
    for operation in found:
        if not len(operation.regions[0].blocks):
            operation.erase()
