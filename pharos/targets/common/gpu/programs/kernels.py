"""The kernels of a program become files of code, and are checked against their launches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pharos.core.errors import UserError
from pharos.targets.common.gpu import archive
from pharos.targets.common.gpu.device_code import llvm_ir
from pharos.targets.common.gpu.generating import generate
from pharos.targets.common.gpu.programs.places import PLACES, span_at


def take_kernels(
    module: Any, target: Any, table: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of the kernels in ``module``, which loses them, and the generator's report.

    ``table`` are the module's places. No files for a program without kernels. A simulated target
    runs the LLVM IR itself. UserError for a launch that does not fit its kernel.
    """
    found = _kernels(module)
    if found is None:
        return {}, {}
    _check_launches(found, table)
    text = llvm_ir(module, target.kind, target.facts(), simulated=target.simulated)
    found.erase()
    del module.operation.attributes["gpu.container_module"]
    files = {archive.LLVM_IR: text.encode()}
    if target.simulated:
        return files, {}
    made = generate(text, target.kind, target.facts())
    files[f"kernels.{target.kind.format}"] = made.code
    files |= {archive.TEXT: made.text.encode()} if made.text else {}
    return files, dict(made.report)


def take_places(module: Any) -> list[dict[str, Any]]:
    """The table that ``launch-calls`` wrote on ``module``, which loses it."""
    attributes = module.operation.attributes
    if PLACES not in attributes:
        return []
    table = list(json.loads(attributes[PLACES].value))
    del attributes[PLACES]
    return table


def _kernels(module: Any) -> Any:
    """The one ``gpu.module``, if there is one that holds anything."""
    for operation in module.body.operations:
        operation = operation.operation
        if operation.name == "gpu.module":
            if len(list(operation.regions[0].blocks[0].operations)):
                return operation
            operation.erase()
            return None
    return None


def _check_launches(kernels: Any, table: Sequence[Mapping[str, Any]]) -> None:
    """UserError for a launch that passes other operands than its kernel takes."""
    functions = {
        operation.operation.attributes["sym_name"].value: operation.operation
        for operation in kernels.regions[0].blocks[0].operations
        if operation.operation.name == "llvm.func"
    }
    for place in table:
        function = functions.get(place.get("kernel", ""))
        if function is None:
            continue
        takes = [str(a.type) for a in function.regions[0].blocks[0].arguments]
        passed = [_spelled(kind) for kind in place["types"]]
        if [_spelled(kind) for kind in takes] != passed:
            raise UserError(
                f"the kernel {place['kernel']} takes ({', '.join(takes)}), and its launch passes "
                f"({', '.join(place['types'])})",
                span=span_at(place),
                hint="let the passes for kernels and for the host pass memrefs the same way: "
                "use-bare-ptr-memref-call-conv here is use-bare-pointers-for-kernels there",
            )


def _spelled(kind: str) -> str:
    return "ptr" if kind.startswith(("!llvm.ptr", "ptr")) else kind
