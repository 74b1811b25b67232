"""A module in the LLVM dialect becomes an object file for this machine."""

from __future__ import annotations

import ctypes
import hashlib
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from pharos.core import settings
from pharos.core.artifact import Artifact, EntryPoint
from pharos.core.errors import ErrorList, InternalError, UserError, nearest
from pharos.ir import CompileError, at_least, diagnosed, operations, span_of
from pharos.ir.bindings import dialect, execution_engine, mlir
from pharos.targets.cpu import elf, helpers, openmp, symbols
from pharos.targets.cpu.complaints import complaints_are_errors
from pharos.targets.cpu.interfaces import join_interfaces
from pharos.targets.cpu.libcalls import GENERATED
from pharos.targets.cpu.scalar_code import has_scalar_code
from pharos.targets.cpu.stopping import ASSERTION_FAILED

_C_INTERFACE = "_mlir_ciface_"
_NO_PASS = "the pipeline lacks a pass for it"
_KERNELS = "kernels need a GPU, real or simulated: --target NAME:sim, see pharos targets"
# Operations that name a function, and how.
_NAMING = {"llvm.call": "callee", "llvm.mlir.addressof": "global_name"}
# Operations from which a module is large: LLVM's optimisations of its IR are left out, whose time
# grows faster than the module. Only deep networks are so large.
_LARGE = 10_000


def compile_object(
    module: Any,
    *,
    entries: Sequence[EntryPoint],
    libraries: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
    optimize: int = 3,
    position_independent: bool = False,
    provided: Collection[str] = (),
) -> Artifact:
    """The artifact with the code of ``module``, which has only LLVM dialect operations.

    ``entries`` come from ``abi.entry_points`` before lowering; ``libraries`` are "openmp" or
    paths of shared libraries that the program links. UserError with the place of the call when
    a function is called that exists nowhere, and for a module without any function.
    ``position_independent`` code can become part of a shared library; a JIT needs none. The
    functions ``provided`` will be there when the code is loaded.
    """
    check_lowered(module)
    check_defines(module)
    check_externals(module, libraries, provided)
    _hide_private(module)
    if settings.DEBUG.get() >= 4:
        sys.stderr.write(dialect("llvm").translate_module_to_llvmir(module.operation))
    large = at_least(module, _LARGE)
    vectors = not large and not has_scalar_code(operations(module, outer_first=True))
    if large:
        join_interfaces(module)
    code = _emit(module, 0 if large or vectors else optimize, position_independent)
    needed = elf.symbols(code).undefined
    linked = list(dict.fromkeys(libraries))
    if symbols.OPENMP not in linked and any(map(openmp.is_openmp, needed)):
        linked.append(symbols.OPENMP)
    return Artifact(
        target="cpu",
        format="object",
        code=code,
        entries=tuple(entries),
        fingerprint=hashlib.sha256(code).hexdigest(),
        libraries=tuple(linked),
        symbols=tuple(sorted(needed)),
        metadata=dict(metadata or {}),
    )


def check_lowered(module: Any) -> None:
    """Raise CompileError that names the operations which have no LLVM form (the first five)."""
    every = operations(module, outer_first=True)
    left = [op for op in every if not _has_llvm_form(op.name)]
    if not left:
        return
    # A cast that is left over is the trace of some other operation that is, if there is one.
    left = [op for op in left if op.name != "builtin.unrealized_conversion_cast"] or left
    errors = []
    for operation in left[:5]:
        error = CompileError(
            f"'{operation.name}' was not lowered to the LLVM dialect",
            span=span_of(operation.location),
            hint=_KERNELS if operation.name.startswith("gpu.") else _NO_PASS,
        )
        error.operation = operation.name
        errors.append(error)
    raise errors[0] if len(errors) == 1 else ErrorList(errors)


def check_defines(module: Any) -> None:
    """Raise UserError when nothing can be called: MLIR's engine crashes when there is no code."""
    if _public(module) is None:
        raise UserError(
            "expected a function that can be called, found none",
            hint="give the module a function that has a body and is not private",
        )


def check_externals(
    module: Any, libraries: Sequence[str] = (), provided: Collection[str] = ()
) -> None:
    """Raise UserError for functions that are declared, used, and neither ``provided`` nor found in
    a library."""
    declared = set(_declared(module)).difference(provided, (ASSERTION_FAILED,))
    missing: dict[str, UserError] = {}
    known = [name.removeprefix(_C_INTERFACE) for name in helpers.names()]
    for operation in operations(module, *_NAMING, outer_first=True):
        name = _called(operation)
        if name is None or name not in declared or name in missing or name.startswith("llvm."):
            continue
        if symbols.resolve(name, libraries) is None:
            plain = name.removeprefix(_C_INTERFACE)
            missing[name] = UserError(
                f"the function '{plain}' is called but exists nowhere: not in this program, "
                f"libc, libm, OpenMP"
                + (f" or {', '.join(libraries)}" if libraries else ", and no library is linked"),
                span=span_of(operation.location),
                hint=nearest(plain, known) or "link the library that defines it",
            )
    if missing:
        errors = list(missing.values())
        raise errors[0] if len(errors) == 1 else ErrorList(errors)


def _has_llvm_form(name: str) -> bool:
    return name.startswith(("llvm.", "omp.")) or name == "builtin.module"


def _called(operation: Any) -> str | None:
    attribute = _NAMING[operation.name]
    if attribute not in operation.attributes:
        return None
    name: str = mlir.FlatSymbolRefAttr(operation.attributes[attribute]).value
    return name


def _emit(module: Any, optimize: int, position_independent: bool) -> bytes:
    with (
        tempfile.TemporaryDirectory(prefix="pharos-") as folder,
        diagnosed("code generation"),
        complaints_are_errors(),
    ):
        path = Path(folder) / "code.o"
        try:
            engine = execution_engine()(
                module, opt_level=optimize, shared_libs=[], enable_pic=position_independent
            )
        except RuntimeError as error:
            raise InternalError(f"LLVM refused the module: {error}") from None
        _satisfy(engine, module)
        # Compiles the module. Left to itself, the dump would ask for every function by name,
        # and find no private one.
        public = _public(module)
        if public is not None:
            engine.raw_lookup(public)
        engine.dump_to_object_file(str(path))
        if not path.exists():
            raise InternalError("LLVM made no object file; its message is on stderr")
        return path.read_bytes()


def _hide_private(module: Any) -> None:
    """Let LLVM drop, inline and specialise private functions, and make no packed entry for them."""
    with module.context:
        for operation in _functions(module):
            attributes = operation.attributes
            if len(operation.regions[0].blocks) and _is_private(operation):
                attributes["linkage"] = mlir.Attribute.parse("#llvm.linkage<internal>")


def _public(module: Any) -> str | None:
    """The name of a function that others may call; None when there is none."""
    for operation in _functions(module):
        if len(operation.regions[0].blocks) and not _is_private(operation):
            name: str = operation.attributes["sym_name"].value
            return name
    return None


def _functions(module: Any) -> list[Any]:
    """The functions of ``module``, without a look at what is in them.

    Not through ``block.operations``: that makes MLIR's bindings import the builders of the LLVM
    dialect, which takes longer than all else here.
    """
    found: list[Any] = []

    def visit(operation: Any) -> Any:
        if operation.name != "llvm.func":
            return mlir.WalkResult.ADVANCE
        found.append(operation)
        return mlir.WalkResult.SKIP

    module.operation.walk(visit, mlir.WalkOrder.PRE_ORDER)
    return found


def _declared(module: Any) -> list[str]:
    """The functions without a body."""
    return [
        operation.attributes["sym_name"].value
        for operation in _functions(module)
        if not len(operation.regions[0].blocks)
    ]


def _is_private(function: Any) -> bool:
    attributes = function.attributes
    if "sym_visibility" in attributes:
        return bool(attributes["sym_visibility"].value == "private")
    return False


def _satisfy(engine: Any, module: Any) -> None:
    """Give the engine an address for every outside name: it links before it writes the object.

    Nothing is called through them. The object that it writes has the names, not the addresses.
    """
    anything = ctypes.cast(ctypes.CDLL(None).abort, ctypes.c_void_p)
    for name in dict.fromkeys((*_declared(module), *GENERATED)):
        engine.raw_register_runtime(name, anything)
