"""vector, gpu, memref and XeGPU operations on whole tiles of a workgroup.

Source: MLIR's XeGPU dialect (XeGPUOps.td) at workgroup level; what is outside a descriptor's matrix
is read as zero and not written, as the 2-D block operations do that it becomes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pharos.ir.bindings import mlir
from pharos.targets.xegpu.workgroup.memory import Array, Descriptor, MemRef
from pharos.targets.xegpu.workgroup.scalars import dtype_of
from pharos.targets.xegpu.workgroup.table import Frame, Run, handles

_AXES = {"x": 0, "y": 1, "z": 2}


@handles("gpu.block_id")
def block_id(operation: Any) -> Run:
    axis = _AXES[str(operation.attributes["dimension"]).rstrip(">").split()[-1]]
    return lambda frame: (np.int64(frame.block[axis]),)


@handles("memref.extract_strided_metadata")
def metadata(operation: Any) -> Run:
    def run(frame: Frame, memref: MemRef) -> Any:
        base = MemRef(memref.address, 0, (), (), memref.dtype)
        return (base, *map(np.int64, (memref.offset, *memref.shape, *memref.strides)))

    return run


@handles("memref.extract_aligned_pointer_as_index")
def pointer(operation: Any) -> Run:
    return lambda frame, memref: (np.int64(memref.address),)


@handles("memref.reinterpret_cast")
def reinterpret(operation: Any) -> Run:
    """Of a base and an offset that is given when the kernel is launched."""
    kind = mlir.MemRefType(operation.results[0].type)
    strides, static = kind.get_strides_and_offset()

    def run(frame: Frame, base: MemRef, *offset: Any) -> Any:
        start = int(offset[0]) if offset else static
        return (MemRef(base.address, start, tuple(kind.shape), tuple(strides), base.dtype),)

    return run


@handles("vector.broadcast")
def broadcast(operation: Any) -> Run:
    shape = mlir.VectorType(operation.results[0].type).shape
    return lambda frame, value: (np.broadcast_to(value, shape),)


@handles("vector.step")
def step(operation: Any) -> Run:
    count = mlir.VectorType(operation.results[0].type).shape[0]
    return lambda frame: (np.arange(count, dtype=np.int64),)


@handles("vector.shape_cast")
def shape_cast(operation: Any) -> Run:
    shape = mlir.VectorType(operation.results[0].type).shape
    return lambda frame, value: (np.reshape(value, shape),)


@handles("vector.transpose")
def transpose(operation: Any) -> Run:
    order = list(mlir.DenseI64ArrayAttr(operation.attributes["permutation"]))
    return lambda frame, value: (np.transpose(value, order),)


_REDUCTIONS = {"add": np.add, "maximumf": np.maximum, "maxnumf": np.fmax, "minimumf": np.minimum}


@handles("vector.multi_reduction")
def multi_reduction(operation: Any) -> Run:
    """In the type of the elements; the order of sums is numpy's."""
    kind = str(operation.attributes["kind"]).split("<")[1].rstrip(">")
    dimensions = tuple(mlir.DenseI64ArrayAttr(operation.attributes["reduction_dims"]))
    function: Any = _REDUCTIONS[kind]

    def run(frame: Frame, value: Array, start: Array) -> Any:
        return (function(function.reduce(value, axis=dimensions), start),)

    return run


@handles("memref.load")
def element(operation: Any) -> Run:
    def run(frame: Frame, memref: MemRef, *indices: Any) -> Any:
        steps = zip(indices, memref.strides, strict=True)
        place = memref.offset + sum(int(index) * step for index, step in steps)
        size = dtype_of(mlir.Type.parse(memref.dtype)).itemsize
        found = frame.memory.elements(memref.address + place * size, memref.dtype, (1,), (1,))
        return (found[0],)

    return run


@handles("xegpu.create_nd_tdesc")
def create_nd_tdesc(operation: Any) -> Run:
    shape = tuple(mlir.DenseI64ArrayAttr(operation.attributes["const_shape"]))
    pitch = next(iter(mlir.DenseI64ArrayAttr(operation.attributes["const_strides"])))
    words = str(operation.results[0].type).split("<", 1)[1].split(",")[0].split("x")
    tile, dtype = (int(words[0]), int(words[1])), words[2].strip()
    return lambda frame, address: (Descriptor(int(address), shape, pitch, tile, dtype),)


@handles("xegpu.load_nd")
def load_nd(operation: Any) -> Run:
    def run(frame: Frame, descriptor: Descriptor, row: Any, column: Any) -> Any:
        inside, view = _window(frame, descriptor, int(row), int(column))
        tile = np.zeros(descriptor.tile, view.dtype)
        tile[: inside[0], : inside[1]] = view
        return (tile,)

    return run


@handles("xegpu.store_nd")
def store_nd(operation: Any) -> Run:
    def run(frame: Frame, value: Array, descriptor: Descriptor, row: Any, column: Any) -> Any:
        inside, view = _window(frame, descriptor, int(row), int(column))
        view[...] = value[: inside[0], : inside[1]]
        return ()

    return run


@handles("xegpu.prefetch_nd")
def prefetch_nd(operation: Any) -> Run:
    return lambda frame, *operands: ()


@handles("xegpu.convert_layout")
def convert_layout(operation: Any) -> Run:
    return lambda frame, value: (value,)


@handles("xegpu.dpas")
def dpas(operation: Any) -> Run:
    """In f32, as the matrix units add; the order of the sums is numpy's."""
    return lambda frame, a, b, sums: (sums + a.astype(np.float32) @ b.astype(np.float32),)


@handles("xegpu.load")
def load(operation: Any) -> Run:
    kind = operation.results[0].type
    dtype, name = dtype_of(kind), str(mlir.VectorType(kind).element_type)

    def run(frame: Frame, address: Any, offsets: Array, mask: Array) -> Any:
        found = np.zeros(np.shape(offsets), dtype)
        if mask.any():
            line, places = frame.memory.line(int(address), name, offsets[mask])
            found[mask] = line[places]
        return (found,)

    return run


@handles("xegpu.store")
def store(operation: Any) -> Run:
    name = str(mlir.VectorType(operation.operands[0].type).element_type)

    def run(frame: Frame, value: Array, address: Any, offsets: Array, mask: Array) -> Any:
        if mask.any():
            line, places = frame.memory.line(int(address), name, offsets[mask])
            line[places] = value[mask]
        return ()

    return run


def _window(
    frame: Frame, descriptor: Descriptor, row: int, column: int
) -> tuple[tuple[int, int], Array]:
    """How much of the tile at ``row`` and ``column`` is inside, and a view of it."""
    limits = zip(descriptor.tile, descriptor.shape, (row, column), strict=True)
    height, width = (max(0, min(size, limit - first)) for size, limit, first in limits)
    if not height or not width:
        return (0, 0), np.zeros((0, 0), dtype_of(mlir.Type.parse(descriptor.dtype)))
    size = dtype_of(mlir.Type.parse(descriptor.dtype)).itemsize
    address = descriptor.address + (row * descriptor.pitch + column) * size
    steps = (descriptor.pitch, 1)
    return (height, width), frame.memory.elements(address, descriptor.dtype, (height, width), steps)
