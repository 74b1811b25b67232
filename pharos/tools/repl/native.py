"""Verified modules to native code in this process."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from pharos import toolchain
from pharos.core.artifact import Artifact, EntryPoint
from pharos.ir.bindings import mlir
from pharos.pipeline import Driver
from pharos.targets.common.effects import has_body
from pharos.targets.cpu import abi
from pharos.targets.cpu.codegen import compile_object
from pharos.tools.repl.binding import bind, tell_addresses

# The function of every module that is called. No program has such a name: a dot is a dialect's.
RUN = "repl.run"
_C_INTERFACE = "llvm.emit_c_interface"


class Linked:
    """A module as code in this process."""

    def __init__(
        self, artifact: Artifact, names: Sequence[str], table: np.ndarray[Any, Any]
    ) -> None:
        self.artifact = artifact
        self._names = {name: number for number, name in enumerate(names)}
        # Compiled code writes into it: it must live as long as the code.
        self._table = table
        self._module = toolchain.target(artifact.target).open_device().load(artifact)

    def run(self) -> None:
        """Call ``RUN``."""
        self._module.function(RUN)(0)

    def address(self, name: str) -> int:
        """Where one of the wanted functions and globals lies."""
        return int(self._table[self._names[name]])


def compile_module(
    module: Any,
    *,
    wanted: Collection[str] = (),
    addresses: Mapping[str, int],
    libraries: Sequence[str],
) -> Linked:
    """``module`` compiled with the target's own pipeline, and linked.

    ``wanted`` are the functions and globals whose addresses are asked for; a module without any
    has a function ``RUN``. ``addresses`` are those that it takes from earlier lines. ``module``
    is used up.
    """
    _set_interfaces(module, addresses)
    driver, pipeline = _road()
    lowered = driver.run(pipeline, module).module
    bind(lowered, addresses)
    table = np.zeros(max(len(wanted), 1), np.int64)
    if wanted:
        tell_addresses(lowered, RUN, list(wanted), table.ctypes.data)
    artifact = compile_object(lowered, entries=(EntryPoint(RUN, ()),), libraries=libraries)
    linked = Linked(artifact, list(wanted), table)
    if wanted:
        linked.run()
    return linked


@functools.cache
def _road() -> tuple[Driver, Any]:
    request = toolchain.Request()
    facts = toolchain.target(request.target).facts()
    return Driver(toolchain.registry(request.target), facts), toolchain.plan(request)


def _set_interfaces(module: Any, addresses: Mapping[str, int]) -> None:
    """C wrappers for C functions that take memrefs, and for nothing that the session has itself."""
    abi.request_wrappers(module)
    with module.context:
        for function in abi.functions(module):
            name = function.sym_name.value
            attributes = function.operation.attributes
            if (has_body(function) or name in addresses) and _C_INTERFACE in attributes:
                del attributes[_C_INTERFACE]
            if has_body(function):
                visible = "public" if name == RUN else "private"
                attributes["sym_visibility"] = mlir.StringAttr.get(visible)
