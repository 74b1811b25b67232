"""Verified modules to native code in this process."""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import llvmlite.binding as llvm

from pharos import toolchain
from pharos.core.artifact import Artifact
from pharos.core.errors import UserError
from pharos.ir.bindings import mlir
from pharos.pipeline import Driver
from pharos.targets.cpu import abi, process, symbols
from pharos.targets.cpu.codegen import compile_object
from pharos.targets.cpu.effects import has_body
from pharos.targets.cpu.jit import jit
from pharos.tools.repl.binding import bind

_C_INTERFACE = "llvm.emit_c_interface"
_numbers = itertools.count()


class Linked:
    """Object code in this process; ``address(name)`` is where a function or global lies."""

    def __init__(self, artifact: Artifact, exported: Collection[str]) -> None:
        self.artifact = artifact
        builder = llvm.JITLibraryBuilder().add_object_img(artifact.code)
        for name in artifact.symbols:
            builder.import_symbol(name, _resolved(name, artifact))
        for name in exported:
            builder.export_symbol(name)
        self._library = builder.link(jit(), f"repl-{next(_numbers)}")

    def address(self, name: str) -> int:
        """The address of one of the exported names."""
        found: int = self._library[name]
        return found

    def function(self, name: str) -> Any:
        """The exported function ``name``, which takes and returns nothing."""
        return ctypes.CFUNCTYPE(None)(self.address(name))


def _resolved(name: str, artifact: Artifact) -> int:
    found = symbols.resolve(name, artifact.libraries)
    if found is None:
        raise UserError(
            f"the code calls '{name}', which no library here defines",
            hint="(link-library ...) loads the library that has it",
        )
    return found


def compile_module(
    module: Any,
    *,
    exported: Collection[str],
    addresses: Mapping[str, int],
    libraries: Sequence[str],
) -> Artifact:
    """Object code of ``module`` with the target's own pipeline.

    ``exported`` are the functions and globals that are wanted from it, ``addresses`` those that
    it takes from earlier lines. ``module`` is used up.
    """
    process.prepare()
    _set_interfaces(module, exported, addresses)
    driver, pipeline = _road()
    lowered = driver.run(pipeline, module).module
    bind(lowered, addresses)
    _export(lowered, exported)
    return compile_object(lowered, entries=(), libraries=libraries)


@functools.cache
def _road() -> tuple[Driver, Any]:
    request = toolchain.Request()
    facts = toolchain.target(request.target).facts()
    return Driver(toolchain.registry(request.target), facts), toolchain.plan(request)


def _set_interfaces(module: Any, exported: Collection[str], addresses: Mapping[str, int]) -> None:
    """C wrappers for C functions that take memrefs, and for nothing that the session has itself."""
    abi.request_wrappers(module)
    with module.context:
        for function in abi.functions(module):
            name = function.sym_name.value
            attributes = function.operation.attributes
            if (has_body(function) or name in addresses) and _C_INTERFACE in attributes:
                del attributes[_C_INTERFACE]
            if has_body(function):
                visible = "public" if name in exported else "private"
                attributes["sym_visibility"] = mlir.StringAttr.get(visible)


def _export(module: Any, exported: Collection[str]) -> None:
    """Let the linker see the symbols ``exported``, whatever linkage the program gave them."""
    with module.context:
        for operation in module.body.operations:
            attributes = operation.operation.attributes
            if "linkage" in attributes and attributes["sym_name"].value in exported:
                attributes["linkage"] = mlir.Attribute.parse("#llvm.linkage<external>")
