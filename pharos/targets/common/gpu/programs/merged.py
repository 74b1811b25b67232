"""The pipeline step: the kernels of all ``gpu.module`` go into one.

MLIR makes a module for each ``gpu.launch``, all with names of their own choosing; code is
generated, loaded and simulated for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import mlir
from pharos.targets.common.gpu.kernels import MODULE


@dataclass(frozen=True)
class MergedKernels:
    """Move every symbol into one module, under a new name where another has its name."""

    name: ClassVar[str] = "merged-kernels"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            found = [
                operation.operation
                for operation in module.body.operations
                if operation.operation.name == "gpu.module"
            ]
            if found:
                _redirect(module, _merge(found))
        return module


def _merge(modules: list[Any]) -> dict[tuple[str, str], str]:
    """The new name of each symbol, by its module and its old name."""
    home, names = modules[0], dict[tuple[str, str], str]()
    body = home.regions[0].blocks[0]
    taken: set[str] = set()
    for module in modules:
        own = _renamed(module, taken)
        names |= {(module.attributes["sym_name"].value, old): new for old, new in own.items()}
        if module != home:
            for operation in list(module.regions[0].blocks[0].operations):
                operation = operation.operation
                operation.detach_from_parent()
                body.append(operation)
            module.erase()
    home.attributes["sym_name"] = mlir.StringAttr.get(MODULE)
    return names


def _renamed(module: Any, taken: set[str]) -> dict[str, str]:
    """What the symbols of ``module`` are called now; their uses inside it follow."""
    own: dict[str, str] = {}
    for operation in module.regions[0].blocks[0].operations:
        attributes = operation.operation.attributes
        if "sym_name" not in attributes:
            continue
        old = attributes["sym_name"].value
        own[old] = _fresh(old, taken)
        attributes["sym_name"] = mlir.StringAttr.get(own[old])
    changed = {old: new for old, new in own.items() if old != new}
    if changed:
        _rename_uses(module, changed)
    return own


def _fresh(name: str, taken: set[str]) -> str:
    found, number = name, 0
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found


def _rename_uses(module: Any, names: Mapping[str, str]) -> None:
    for operation in operations(module):
        for key in list(operation.attributes):
            value = operation.attributes[key]
            if isinstance(value, mlir.FlatSymbolRefAttr) and value.value in names:
                operation.attributes[key] = mlir.FlatSymbolRefAttr.get(names[value.value])


def _redirect(module: Any, names: Mapping[tuple[str, str], str]) -> None:
    """Let every launch name its kernel in the one module."""
    for operation in operations(module, "gpu.launch_func"):
        old = tuple(operation.attributes["kernel"].value)
        if old in names:
            operation.attributes["kernel"] = mlir.SymbolRefAttr.get([MODULE, names[old]])
