"""Which functions of a program are for kernels: they use what only kernels have.

Kernels get copies of the functions that they call. The originals stay behind among the host's
functions, where nothing can lower them; they are made private before anything else happens, so
that nobody calls them from outside, and dropped when the kernels have their copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.core.errors import Note
from pharos.ir import CompileError, operations, span_of
from pharos.ir.bindings import mlir

# Operations of the gpu dialect that stand in host code; all others belong into kernels.
_OF_HOST = frozenset(
    f"gpu.{name}"
    for name in (
        *("launch", "launch_func", "alloc", "dealloc", "memcpy", "memset", "wait"),
        *("host_register", "host_unregister", "set_default_device", "module", "binary"),
    )
)
_KERNELS = ("gpu.launch", "gpu.module")
_FUNCTIONS = ("func.func", "llvm.func")
_CALLS = ("func.call", "llvm.call")
_PRIVATE, _MARK = "sym_visibility", "pharos.for_kernels"


def mark_kernel_functions(module: Any) -> None:
    """Make the functions for kernels private. CompileError where host code comes to one of them.

    ``module`` has ``func.func`` still.
    """
    functions = {one.attributes["sym_name"].value: one for one in _functions(module)}
    found = {name: one for name, f in functions.items() if (one := _device_only(f)) is not None}
    reasons: dict[str, tuple[Any, Any]] = {name: (one, None) for name, one in found.items()}
    todo = list(found)
    while todo:
        callee = todo.pop()
        for name, function in functions.items():
            call = next((c for c in _inside(function) if _callee(c) == callee), None)
            if call is not None and name not in reasons:
                reasons[name] = (reasons[callee][0], call)
                todo.append(name)
    if "main" in reasons:
        raise _misplaced(*reasons["main"])
    with module.context:
        for name in reasons:
            attributes = functions[name].attributes
            attributes[_PRIVATE] = mlir.StringAttr.get("private")
            attributes[_MARK] = mlir.UnitAttr.get()
            if "llvm.emit_c_interface" in attributes:
                del attributes["llvm.emit_c_interface"]


@dataclass(frozen=True)
class KernelFunctions:
    """Drop the functions for kernels from the host; kernels have their copies."""

    name: ClassVar[str] = "kernel-functions"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        for function in list(_functions(module)):
            if _MARK in function.attributes:
                function.erase()
        return module


def _functions(module: Any) -> Iterator[Any]:
    for operation in module.body.operations:
        if operation.operation.name in _FUNCTIONS:
            yield operation.operation


def _device_only(function: Any) -> Any:
    """The first operation in ``function``, outside of its launches, that only kernels have."""
    return next(
        (o for o in _inside(function) if o.name.startswith("gpu.") and o.name not in _OF_HOST), None
    )


def _callee(operation: Any) -> str | None:
    if operation.name not in _CALLS or "callee" not in operation.attributes:
        return None
    name: str = mlir.FlatSymbolRefAttr(operation.attributes["callee"]).value
    return name


def _inside(function: Any) -> list[Any]:
    """The operations of ``function`` that run on the host."""
    return operations(function, skip=_KERNELS)


def _misplaced(operation: Any, call: Any) -> CompileError:
    """The host comes to ``operation``, through ``call`` where it is not in main itself."""
    notes = [] if call is None else [Note("host code comes to it here", span_of(call.location))]
    error = CompileError(
        f"'{operation.name}' is for kernels, and main comes to it outside of a gpu.launch",
        span=span_of(operation.location),
        hint="put it into the region of a gpu.launch, or into a function that only kernels call",
        notes=notes,
    )
    error.operation = operation.name
    return error
