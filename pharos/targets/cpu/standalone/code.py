"""Code that can be linked by others than our own loader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.core.artifact import Artifact, EntryPoint
from pharos.core.errors import UserError
from pharos.ir import span_of
from pharos.ir.bindings import mlir
from pharos.targets.cpu import abi
from pharos.targets.cpu.codegen import compile_object

# What main is called in an executable, whose own main prepares the call and prints the result.
_RENAMED = "lispier_main"
_PRINTED = {"i32": 32, "i64": 64, "f32": -32, "f64": -64}
_IGNORED = ("i1", "i8", "i16", "index", "f16", "bf16")


@dataclass(frozen=True)
class Start:
    """How main is called: the width of its first argument (0: it takes none), and its result.

    ``result`` is the width of a result that is printed, negative for a float; 0 for none.
    ``unprinted`` is the type of a result that is not printed, else "".
    """

    arguments: int
    result: int
    unprinted: str = ""


def mark(module: Any, *, executable: bool) -> Start | None:
    """Prepare ``module``, before it is lowered, for code that others link.

    Functions get C interfaces (``_mlir_ciface_NAME``). For an executable main is renamed; how to
    call it is returned. UserError when there is no main that a program can start with.
    """
    start = _rename_main(module) if executable else None
    abi.request_wrappers(module)
    return start


def compile_module(module: Any, libraries: Sequence[str]) -> Artifact:
    """The position-independent code of ``module``, which is in the LLVM dialect."""
    entries: tuple[EntryPoint, ...] = ()
    return compile_object(module, entries=entries, libraries=libraries, position_independent=True)


def _rename_main(module: Any) -> Start:
    abi.require_main(module)
    (main,) = (f for f in abi.functions(module) if f.sym_name.value == "main")
    if not len(main.operation.regions[0].blocks):
        raise UserError("main has no body", span=span_of(main.operation.location))
    start = _start(main)
    with module.context:
        mlir.SymbolTable.replace_all_symbol_uses("main", _RENAMED, module.operation)
        mlir.SymbolTable.set_symbol_name(main.operation, _RENAMED)
        if "sym_visibility" in main.operation.attributes:
            # Private functions vanish, and this one is called from outside.
            del main.operation.attributes["sym_visibility"]
    return start


def _start(main: Any) -> Start:
    """How to call ``main``, which from then on returns nothing but what C can take."""
    kinds = main.type
    first = str(kinds.inputs[0]) if len(kinds.inputs) else ""
    arguments = int(first.removeprefix("i")) if first else 0
    results = [str(kind) for kind in kinds.results]
    if not results:
        return Start(arguments, 0)
    (result,) = results if len(results) == 1 else [", ".join(results)]
    if result in _PRINTED:
        return Start(arguments, _PRINTED[result])
    if result in _IGNORED or result == "!llvm.ptr":
        return Start(arguments, 0, result)
    abi.drop_results(main)
    return Start(arguments, 0, result)
