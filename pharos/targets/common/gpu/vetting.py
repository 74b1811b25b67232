"""What translation to LLVM IR and code generation would crash on, found before and named.

MLIR's translation ends the process at an operation that it has no translation for; LLVM's back ends
end it at a function that they cannot call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pharos.core.errors import ErrorList
from pharos.ir import CompileError, operations, span_of
from pharos.ir.bindings import mlir

_MOST = 5
_STRUCTURE = ("builtin.module", "gpu.module", "gpu.module_end")


def vet(kernels: Any, dialects: tuple[str, ...], known_external: Callable[[str], bool]) -> None:
    """Raise CompileError (ErrorList when there are several, up to five) for what is in ``kernels``,
    an operation with the kernels inside, and has no code.

    That is: an operation outside ``dialects``, a symbol that is nowhere, a call of a function that
    has no body and is neither an intrinsic of LLVM nor one that ``known_external`` knows.
    """
    problems = list(_untranslatable(kernels, dialects)) or list(
        _unresolved(kernels, known_external)
    )
    if problems:
        raise problems[0] if len(problems) == 1 else ErrorList(problems[:_MOST])


def _untranslatable(kernels: Any, dialects: tuple[str, ...]) -> Iterator[CompileError]:
    strange = [
        op
        for op in _walk(kernels)
        if not op.name.startswith(dialects) and op.name not in _STRUCTURE
    ]
    # A cast that is left over is the trace of some other operation that is, if there is one.
    strange = [op for op in strange if op.name != "builtin.unrealized_conversion_cast"] or strange
    for operation in strange:
        yield _error(
            operation,
            f"'{operation.name}' has no translation to LLVM IR",
            "the pipeline lacks a pass for it",
        )


def _unresolved(kernels: Any, known: Callable[[str], bool]) -> Iterator[CompileError]:
    symbols = {
        op.attributes["sym_name"].value: op
        for op in _walk(kernels)
        if "sym_name" in op.attributes and op.name.startswith("llvm.")
    }
    told: set[str] = set()
    for operation in _walk(kernels):
        name = _used(operation)
        if name is None or name in told:
            continue
        found = symbols.get(name)
        if found is None:
            told.add(name)
            yield _error(operation, f"'{name}' is used and defined nowhere", "define it")
        elif _is_outside(found) and not name.startswith("llvm.") and not known(name):
            told.add(name)
            yield _error(
                operation,
                f"a kernel calls '{name}', which exists nowhere on the device",
                "kernels link no library: write it as arithmetic, or define it in the gpu.module",
            )


def _used(operation: Any) -> str | None:
    attribute = {"llvm.call": "callee", "llvm.mlir.addressof": "global_name"}.get(operation.name)
    if attribute is None or attribute not in operation.attributes:
        return None
    name: str = mlir.FlatSymbolRefAttr(operation.attributes[attribute]).value
    return name


def _is_outside(found: Any) -> bool:
    return found.name == "llvm.func" and not len(found.regions[0].blocks)


def _error(operation: Any, message: str, hint: str) -> CompileError:
    error = CompileError(message, span=span_of(operation.location), hint=hint)
    error.operation = operation.name
    return error


def _walk(operation: Any) -> list[Any]:
    return operations(operation, outer_first=True)
