"""Write a kernel and its launch: what every kernel stage does with the operations it takes over.

    linalg.generic ins(%a, %b) outs(%c)          func @main(%a, %b, %c):
                                                   gpu.launch_func @kernels::@add_0 blocks in (8)
                                          ==>        threads in (128) args(%a, %b, %c)
                                                 gpu.module @kernels:
                                                   gpu.func @add_0(%a, %b, %c) kernel: ...

A stage opens ``launched`` at the operation it replaces, writes the kernel's body in the block, and
erases the operation. All kernels of a module are in one ``gpu.module``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pharos.core.errors import InternalError
from pharos.ir import CompileError, span_of
from pharos.ir.bindings import dialect, mlir

MODULE = "kernels"
# On a launch and on its kernel: for each operand the description that stands for it, as JSON;
# "" for none.
DESCRIBED = "pharos.described"
_WORKGROUP = "#gpu.address_space<workgroup>"


@dataclass(frozen=True)
class Kernel:
    """A kernel that is being written.

    ``arguments`` are the values inside the kernel that stand for the operands of the launch,
    ``workgroup`` its buffers in workgroup memory (memrefs), ``function`` the ``gpu.func``.
    """

    name: str
    function: Any
    arguments: tuple[Any, ...]
    workgroup: tuple[Any, ...]


@contextmanager
def launched(
    anchor: Any,
    hint: str,
    operands: Sequence[Any],
    *,
    grid: Sequence[int],
    block: Sequence[int],
    workgroup: Sequence[Any] = (),
    dynamic_shared: int = 0,
    described: Mapping[int, Mapping[str, Any]] | None = None,
) -> Iterator[Kernel]:
    """Write a kernel into the module of the operation ``anchor``, and launch it before ``anchor``.

    In the block, insertion point and location are inside the kernel; its ``gpu.return`` is added
    when the block ends. ``operands`` are host values: memrefs of static shape and strides (the
    kernel gets a plain pointer for each), index, integers and floats. ``grid`` counts blocks and
    ``block`` work-items, x first, up to three each. ``workgroup`` are memref types in workgroup
    memory (``workgroup_type``); ``dynamic_shared`` bytes can be had in the kernel by
    ``gpu.dynamic_shared_memory``. For the operand with a number in ``described`` the kernel gets a
    pointer to what the device makes of its address and that plain data (``GpuKind.describe``): a
    tensor map, say. CompileError at ``anchor`` for an operand that no kernel takes.
    """
    anchor = anchor.operation
    with anchor.context, anchor.location:
        with mlir.InsertionPoint(anchor):
            passed, restore = _passed(anchor, operands)
            marks = _marks(operands, passed, described or {})
        holder = _kernel_module(anchor)
        name = _fresh_name(holder, hint)
        sizes, counts = _three(block), _three(grid)
        function = _function(holder, name, [v.type for v in passed], workgroup, sizes, counts)
        function.attributes[DESCRIBED] = marks
        inside = list(function.regions[0].blocks[0].arguments)
        with mlir.InsertionPoint(function.regions[0].blocks[0]):
            arguments = tuple(restore(inside))
            yield Kernel(name, function, arguments, tuple(inside[len(passed) :]))
            dialect("gpu").ReturnOp([])
        with mlir.InsertionPoint(anchor):
            _launch(name, counts, sizes, passed, dynamic_shared, marks)


def workgroup_type(shape: Sequence[int], element: Any) -> Any:
    """The type of a row-major buffer in workgroup memory."""
    space = mlir.Attribute.parse(_WORKGROUP)
    with mlir.Location.unknown():
        return mlir.MemRefType.get(list(shape), element, memory_space=space)


def _three(sizes: Sequence[int]) -> tuple[int, int, int]:
    if not 1 <= len(sizes) <= 3 or min(sizes) < 1:
        raise InternalError(f"expected one to three sizes of at least 1, found {list(sizes)}")
    x, y, z = (*sizes, 1, 1)[:3]
    return x, y, z


def _kernel_module(anchor: Any) -> Any:
    """The block of the ``gpu.module`` that holds the kernels; made when there is none."""
    top = anchor
    while top.parent is not None:
        top = top.parent.operation
    for operation in top.regions[0].blocks[0].operations:
        if operation.operation.name == "gpu.module":
            return operation.operation.regions[0].blocks[0]
    top.attributes["gpu.container_module"] = mlir.UnitAttr.get()
    with mlir.InsertionPoint(top.regions[0].blocks[0]):
        made = mlir.Operation.create(
            "gpu.module", attributes={"sym_name": mlir.StringAttr.get(MODULE)}, regions=1
        )
    return made.regions[0].blocks.append()


def _fresh_name(holder: Any, hint: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", hint).strip("_") or "kernel"
    taken = {op.attributes["sym_name"].value for op in holder.operations}
    number = sum(name.startswith(f"{plain}_") for name in taken)
    while f"{plain}_{number}" in taken:
        number += 1
    return f"{plain}_{number}"


def _function(
    holder: Any,
    name: str,
    kinds: Sequence[Any],
    workgroup: Sequence[Any],
    block: Sequence[int],
    grid: Sequence[int],
) -> Any:
    with mlir.InsertionPoint(holder):
        function = (
            dialect("gpu")
            .GPUFuncOp(
                mlir.FunctionType.get(list(kinds), []),
                name,
                kernel=True,
                known_block_size=list(block),
                known_grid_size=list(grid),
            )
            .operation
        )
    count = mlir.IntegerAttr.get(mlir.IntegerType.get_signless(64), len(workgroup))
    function.attributes["workgroup_attributions"] = count
    everything = [*kinds, *workgroup]
    function.regions[0].blocks.append(*everything, arg_locs=[function.location] * len(everything))
    return function


def _launch(
    name: str,
    grid: Sequence[int],
    block: Sequence[int],
    passed: Sequence[Any],
    shared: int,
    marks: Any,
) -> None:
    index, i32 = mlir.IndexType.get(), mlir.IntegerType.get_signless(32)
    constant = dialect("arith").constant
    sizes = [constant(index, size) for size in (*grid, *block)]
    bytes_ = [constant(i32, shared)] if shared else []
    symbol = mlir.SymbolRefAttr.get([MODULE, name])
    # Async dependencies, grid, block, cluster (none), dynamic shared memory, operands, async.
    segments = [0, *[1] * 6, 0, 0, 0, len(bytes_), len(passed), 0]
    mlir.Operation.create(
        "gpu.launch_func",
        operands=[*sizes, *bytes_, *passed],
        attributes={
            "kernel": symbol,
            DESCRIBED: marks,
            "operandSegmentSizes": mlir.DenseI32ArrayAttr.get(segments),
        },
    )


def _marks(operands: Sequence[Any], passed: Sequence[Any], described: Mapping[int, Any]) -> Any:
    """For each value in ``passed`` the description of the operand that it is, as JSON."""
    texts = [""] * len(passed)
    for number, data in described.items():
        if operands[number] not in passed:
            raise InternalError(f"operand {number} moves, and cannot be described")
        texts[list(passed).index(operands[number])] = json.dumps(data, sort_keys=True)
    return mlir.ArrayAttr.get([mlir.StringAttr.get(text) for text in texts])


def _passed(anchor: Any, operands: Sequence[Any]) -> tuple[list[Any], Any]:
    """What is passed for ``operands``, and what makes them again of the kernel's arguments.

    A pointer carries no offset: a view whose offset is known only where it is launched (inside a
    loop) is passed as its buffer and its offset.
    """
    passed: list[Any] = []
    kinds: list[tuple[Any, bool]] = []
    for operand in operands:
        moving = _moving(anchor, operand)
        kinds.append((operand.type, moving))
        if moving:
            metadata = dialect("memref").ExtractStridedMetadataOp(operand)
            passed += [metadata.base_buffer, metadata.offset]
        else:
            passed.append(operand)

    def restore(inside: Sequence[Any]) -> Iterator[Any]:
        values = iter(inside)
        for kind, moving in kinds:
            first = next(values)
            yield _placed(kind, first, next(values)) if moving else first

    return passed, restore


def _moving(anchor: Any, operand: Any) -> bool:
    """Whether ``operand`` is a view at an offset that its type does not tell."""
    kind = operand.type
    if not isinstance(kind, mlir.MemRefType):
        return False
    dynamic = mlir.ShapedType.get_dynamic_stride_or_offset()
    strides, offset = kind.get_strides_and_offset()
    if not kind.has_static_shape or dynamic in strides:
        error = CompileError(
            f"kernels take arrays whose sizes and strides are known, found {kind}",
            span=span_of(anchor.location),
            hint="give the payload static shapes",
        )
        error.operation = anchor.name
        raise error
    return bool(offset == dynamic)


def _placed(kind: Any, base: Any, offset: Any) -> Any:
    strides, _ = kind.get_strides_and_offset()
    return (
        dialect("memref")
        .ReinterpretCastOp(
            kind,
            base,
            [offset],
            [],
            [],
            [mlir.ShapedType.get_dynamic_stride_or_offset()],
            kind.shape,
            strides,
        )
        .result
    )
