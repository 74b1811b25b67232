"""The pipeline step: launches, and calls of MLIR's GPU run time, become calls of ours.

    gpu.launch_func @kernels::@k blocks in (%a, %b, %c) threads in (%x, %y, %z) args(%p, %n)
    ==>
    slots = stack memory: %p at byte 0, %n at byte 8
    pharos_gpu_launch(place, %a, %b, %c, %x, %y, %z, shared, stream, slots)

    llvm.call @mgpuMemFree(%p, %s)  ==>  llvm.call @pharos_mgpuMemFree(place, %p, %s)

A place is a number in the table that the module gets as an attribute: where in the program, and
for a launch its kernel and the types of its operands. The module is in the LLVM dialect.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pharos.ir import CompileError, operations, span_of
from pharos.ir.bindings import mlir
from pharos.targets.common.gpu.programs.places import PLACES, span_data
from pharos.targets.common.gpu.programs.table import LAUNCH, RUN_TIME, ours, provided

_SLOT = 8  # bytes
# The groups of operands of gpu.launch_func: dependencies, grid and block, cluster, dynamic shared
# memory, kernel operands, stream.
_SIZES, _CLUSTER, _SHARED, _OPERANDS, _STREAM = slice(1, 7), slice(7, 10), 10, 11, 12
_NUMBERS = {"i1", "i8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64"}


@dataclass(frozen=True)
class LaunchCalls:
    """Rewrite the host functions; the ``gpu.module`` stays as it is."""

    name: ClassVar[str] = "launch-calls"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place, and write the table of places on it."""
        with module.context:
            writer = _Writer()
            for operation in _host(module):
                if operation.name == "gpu.launch_func":
                    writer.launch(operation)
                elif operation.name == "llvm.call":
                    writer.call(operation)
            _declare(module, writer.used)
            module.operation.attributes[PLACES] = mlir.StringAttr.get(json.dumps(writer.places))
        return module


def _host(module: Any) -> list[Any]:
    """The operations of the host."""
    return operations(module, skip=("gpu.module",))


@dataclass
class _Writer:
    """Writes calls; ``places`` is the table so far, ``used`` the functions that are called."""

    places: list[dict[str, Any]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def launch(self, launch: Any) -> None:
        """Replace one ``gpu.launch_func``."""
        groups = _groups(launch)
        if any(groups[_CLUSTER]):
            raise _refused(launch, "programs launch no clusters of blocks", "launch a plain grid")
        operands = groups[_OPERANDS]
        kinds = [_kind(launch, value) for value in operands]
        kernel = launch.attributes["kernel"].value[-1]
        with mlir.InsertionPoint(launch), launch.location:
            place = self._place(launch, kernel=kernel, types=kinds)
            sizes = [_as_i64(group[0]) for group in groups[_SIZES]]
            shared = groups[_SHARED][0] if groups[_SHARED] else _constant(0, 32)
            stream = (
                groups[_STREAM][0] if groups[_STREAM] else _made("llvm.mlir.zero", [_pointer()])
            )
            saved = _made("llvm.intr.stacksave", [_pointer()])
            slots = _stored(operands)
            self._call(LAUNCH, [place, *sizes, shared, stream, slots], [])
            _made("llvm.intr.stackrestore", operands=[saved])
        for token in launch.results:
            _forget(token)
        launch.erase()

    def call(self, call: Any) -> None:
        """Replace a call of MLIR's run time; others stay."""
        if "callee" not in call.attributes:
            return
        name = mlir.FlatSymbolRefAttr(call.attributes["callee"]).value
        if name not in RUN_TIME:
            return
        with mlir.InsertionPoint(call), call.location:
            place = self._place(call)
            made = self._call(
                ours(name), [place, *call.operands], [result.type for result in call.results]
            )
        for old, new in zip(call.results, made.results, strict=True):
            old.replace_all_uses_with(new)
        call.erase()

    def _place(self, operation: Any, **more: Any) -> Any:
        self.places.append({"span": span_data(span_of(operation.location)), **more})
        return _constant(len(self.places) - 1, 32)

    def _call(self, name: str, operands: Sequence[Any], results: Sequence[Any]) -> Any:
        self.used.add(name)
        return mlir.Operation.create(
            "llvm.call",
            list(results),
            list(operands),
            attributes={
                "callee": mlir.FlatSymbolRefAttr.get(name),
                "operandSegmentSizes": mlir.DenseI32ArrayAttr.get([len(operands), 0]),
                "op_bundle_sizes": mlir.DenseI32ArrayAttr.get([]),
            },
        )


def _groups(launch: Any) -> list[list[Any]]:
    """The operands of ``launch`` by group."""
    operands, groups = list(launch.operands), []
    for size in launch.attributes["operandSegmentSizes"]:
        groups.append(operands[:size])
        operands = operands[size:]
    return groups


def _kind(launch: Any, value: Any) -> str:
    """The type of a kernel's operand as the run time spells it: "ptr", "i64", "bf16"."""
    text = str(value.type)
    if text.startswith("!llvm.ptr"):
        return "ptr"
    if text in _NUMBERS:
        return text
    raise _refused(
        launch,
        f"a kernel takes pointers and numbers of at most 64 bits, found {text}",
        "let the passes lower the host with gpu-to-llvm, and pass vectors through memory",
    )


def _stored(operands: Sequence[Any]) -> Any:
    """Stack memory with the operands, each in a slot of its own."""
    i64 = mlir.IntegerType.get_signless(64)
    count = _constant(max(1, len(operands)), 64)
    slots = _made("llvm.alloca", [_pointer()], [count], elem_type=mlir.TypeAttr.get(i64))
    for number, value in enumerate(operands):
        at = _made(
            "llvm.getelementptr",
            [_pointer()],
            [slots],
            elem_type=mlir.TypeAttr.get(i64),
            rawConstantIndices=mlir.DenseI32ArrayAttr.get([number]),
        )
        _made("llvm.store", operands=[value, at])
    return slots


def _as_i64(value: Any) -> Any:
    i64 = mlir.IntegerType.get_signless(64)
    return value if value.type == i64 else _made("llvm.sext", [i64], [value])


def _constant(value: int, bits: int) -> Any:
    kind = mlir.IntegerType.get_signless(bits)
    return _made("llvm.mlir.constant", [kind], value=mlir.IntegerAttr.get(kind, value))


def _pointer() -> Any:
    return mlir.Type.parse("!llvm.ptr")


def _made(
    name: str, results: Sequence[Any] = (), operands: Sequence[Any] = (), **attributes: Any
) -> Any:
    made = mlir.Operation.create(name, list(results), list(operands), attributes)
    return made.results[0] if len(made.results) else None


def _forget(token: Any) -> None:
    """Let nobody wait for a launch: ours has ended, or is in its stream, when it returns."""
    for use in list(token.uses):
        rest = [value for value in use.owner.operands if value != token]
        with mlir.InsertionPoint(use.owner), use.owner.location:
            mlir.Operation.create(use.owner.name, operands=rest)
        use.owner.erase()


def _declare(module: Any, names: set[str]) -> None:
    """Declare our functions, and drop the declarations of MLIR's."""
    for operation in list(module.body.operations):
        operation = operation.operation
        if operation.name != "llvm.func" or len(operation.regions[0].blocks):
            continue
        if operation.attributes["sym_name"].value in RUN_TIME:
            operation.erase()
    signatures = provided()
    with mlir.InsertionPoint.at_block_begin(module.body), mlir.Location.unknown():
        for name in sorted(names):
            kinds = ", ".join(signatures[name].parameters)
            kind = mlir.Type.parse(f"!llvm.func<{signatures[name].result} ({kinds})>")
            mlir.Operation.create(
                "llvm.func",
                attributes={
                    "sym_name": mlir.StringAttr.get(name),
                    "function_type": mlir.TypeAttr.get(kind),
                    "CConv": mlir.Attribute.parse("#llvm.cconv<ccc>"),
                    "linkage": mlir.Attribute.parse("#llvm.linkage<external>"),
                },
                regions=1,
            )


def _refused(operation: Any, message: str, hint: str) -> CompileError:
    error = CompileError(message, span=span_of(operation.location), hint=hint)
    error.operation = operation.name
    return error
