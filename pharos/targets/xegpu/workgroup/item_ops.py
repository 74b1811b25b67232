"""What operations do on arrays over work-items; arith and math are those of ``scalars``.

Source: MLIR's gpu, vector, memref and XeVM dialects.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pharos.core.errors import UserError
from pharos.ir.bindings import mlir
from pharos.runtime.dtypes import numpy_dtype
from pharos.targets.xegpu.workgroup import scalars
from pharos.targets.xegpu.workgroup.items import LOCAL_BYTES, SUBGROUP, Items, Storage, View
from pharos.targets.xegpu.workgroup.memory import Array
from pharos.targets.xegpu.workgroup.table import Run, item_handles

_AXES = {"x": 0, "y": 1, "z": 2}
_DYNAMIC = mlir.ShapedType.get_dynamic_stride_or_offset()
_DYNAMIC_SIZE = mlir.ShapedType.get_dynamic_size()


def bytes_of(kind: Any) -> int:
    """Bytes of a memref of static shape."""
    memref = mlir.MemRefType(kind)
    return math.prod(memref.shape) * int(numpy_dtype(str(memref.element_type)).itemsize)


def _axis(operation: Any) -> int:
    return _AXES[str(operation.attributes["dimension"]).rstrip(">").split()[-1]]


def _shape(operation: Any) -> tuple[int, ...]:
    return tuple(mlir.VectorType(operation.results[0].type).shape)


def _integers(operation: Any, name: str) -> list[int]:
    return list(mlir.DenseI64ArrayAttr(operation.attributes[name]))


# Numbers --------------------------------------------------------------------------------------


@item_handles("arith.constant")
def constant(operation: Any) -> Run:
    (value,) = scalars.constant(operation)(None)
    return lambda items: (np.asarray(value)[None],)


@item_handles("arith.select")
def select(operation: Any) -> Run:
    def run(items: Items, condition: Array, a: Array, b: Array) -> Any:
        lengthened = condition.shape + (1,) * (max(a.ndim, b.ndim) - condition.ndim)
        return (np.where(np.reshape(condition, lengthened), a, b),)

    return run


@item_handles("gpu.thread_id")
def thread_id(operation: Any) -> Run:
    axis = _axis(operation)
    return lambda items: (items.thread[axis],)


@item_handles("gpu.block_id")
def block_id(operation: Any) -> Run:
    axis = _axis(operation)
    return lambda items: (items.block_id[axis],)


@item_handles("gpu.block_dim")
def block_dim(operation: Any) -> Run:
    axis = _axis(operation)
    return lambda items: (np.full(1, items.block[axis], np.int64),)


@item_handles("gpu.lane_id")
def lane_id(operation: Any) -> Run:
    return lambda items: (items.linear % SUBGROUP,)


@item_handles("gpu.subgroup_id")
def subgroup_id(operation: Any) -> Run:
    return lambda items: (items.linear // SUBGROUP,)


@item_handles("gpu.barrier")
def barrier(operation: Any) -> Run:
    """Nobody is ahead of another."""
    return lambda items: ()


@item_handles("llvm.intr.trap")
def trap(operation: Any) -> Run:
    def run(items: Items) -> Any:
        raise UserError("a kernel at workgroup level traps")

    return run


_SOURCES = {
    "xor": lambda lane, by: lane ^ by,
    "up": lambda lane, by: lane - by,
    "down": lambda lane, by: lane + by,
    "idx": lambda lane, by: by,
}


@item_handles("gpu.shuffle")
def shuffle(operation: Any) -> Run:
    """Within whole subgroups; a work-item keeps its own value where the other is none."""
    word = str(operation.attributes["mode"]).rstrip(">").split()[-1]
    source = _SOURCES[word]

    def run(items: Items, value: Array, by: Array, width: Array) -> Any:
        lane = items.linear % SUBGROUP
        other = source(lane, by.astype(np.int64))
        valid = (other >= 0) & (other < width)
        every = np.arange(items.count)
        from_ = np.where(valid, every - lane + other, every)
        return np.broadcast_to(value, (items.count,))[from_], valid

    return run


@item_handles("xevm.mma")
def matrix_multiply(operation: Any) -> Run:
    """8 x 16 += 8 x 8 * 8 x 16 of f32: a lane has every other row of a column of A, and a column of
    B and of the sums (cl_intel_subgroup_matrix_multiply_accumulate_tf32, 6.13.X.Y). Factors are
    taken as they are: what is not rounded to tf32 before shows at the other level."""

    def run(items: Items, a: Array, b: Array, sums: Array) -> Any:
        groups = items.count // SUBGROUP
        left, right, total = (
            np.broadcast_to(x, (items.count, x.shape[1])).reshape(groups, SUBGROUP, -1)
            for x in (a, b, sums)
        )
        halves = left.reshape(groups, 2, 8, -1)  # parity of the row, column, row
        rows = halves.transpose(0, 3, 1, 2).reshape(groups, -1, 8)
        found = rows @ right.transpose(0, 2, 1) + total.transpose(0, 2, 1)
        return (found.transpose(0, 2, 1).reshape(items.count, -1),)

    return run


# Vectors --------------------------------------------------------------------------------------


@item_handles("vector.broadcast", "vector.splat")
def broadcast(operation: Any) -> Run:
    shape = _shape(operation)

    def run(items: Items, value: Array) -> Any:
        missing = len(shape) - (value.ndim - 1)
        spread = value.reshape(value.shape[:1] + (1,) * missing + value.shape[1:])
        return (np.broadcast_to(spread, (len(value), *shape)),)

    return run


@item_handles("vector.from_elements")
def from_elements(operation: Any) -> Run:
    shape = _shape(operation)

    def run(items: Items, *values: Array) -> Any:
        count = max(len(value) for value in values)
        every = [np.broadcast_to(value, (count,)) for value in values]
        return (np.stack(every, axis=1).reshape(count, *shape),)

    return run


@item_handles("vector.extract")
def extract(operation: Any) -> Run:
    at = _integers(operation, "static_position")

    def run(items: Items, value: Array, *dynamic: Array) -> Any:
        rest = list(dynamic)
        for position in at:
            if position != _DYNAMIC_SIZE:
                value = value[:, position]
                continue
            index = np.broadcast_to(rest.pop(0), (items.count,))
            value = np.broadcast_to(value, (items.count, *value.shape[1:]))
            value = value[np.arange(items.count), index]
        return (value,)

    return run


@item_handles("vector.insert")
def insert(operation: Any) -> Run:
    place: Any = (slice(None), *_integers(operation, "static_position"))

    def run(items: Items, value: Array, into: Array) -> Any:
        count = max(len(value), len(into))
        made = np.array(np.broadcast_to(into, (count, *into.shape[1:])))
        made[place] = value
        return (made,)

    return run


@item_handles("vector.shuffle")
def vector_shuffle(operation: Any) -> Run:
    mask = _integers(operation, "mask")

    def run(items: Items, a: Array, b: Array) -> Any:
        count = max(len(a), len(b))
        both = [np.broadcast_to(x, (count, *x.shape[1:])) for x in (a, b)]
        return (np.concatenate(both, axis=1)[:, mask],)

    return run


@item_handles("vector.shape_cast")
def shape_cast(operation: Any) -> Run:
    shape = _shape(operation)
    return lambda items, value: (value.reshape(len(value), *shape),)


@item_handles("vector.bitcast", "arith.bitcast")
def bitcast(operation: Any) -> Run:
    dtype = scalars.dtype_of(operation.results[0].type)
    return lambda items, value: (np.ascontiguousarray(value).view(dtype),)


@item_handles("vector.fma")
def fma(operation: Any) -> Run:
    return scalars.fma(operation)


_REDUCTIONS: dict[str, Any] = {
    "add": np.add,
    "mul": np.multiply,
    "maximumf": np.maximum,
    "minimumf": np.minimum,
    "maxnumf": np.fmax,
    "minnumf": np.fmin,
    "maxsi": np.maximum,
    "minsi": np.minimum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}


@item_handles("vector.reduction")
def reduction(operation: Any) -> Run:
    """In the type of the elements, and, where there is one, with the second operand."""
    kind = str(operation.attributes["kind"]).split("<")[1].rstrip(">")
    function, dtype = _REDUCTIONS[kind], scalars.dtype_of(operation.results[0].type)

    def run(items: Items, value: Array, *start: Array) -> Any:
        found = function.reduce(value, axis=1, dtype=None if dtype.kind == "V" else dtype)
        return (function(found, *start) if start else found,)

    return run


# Memory ---------------------------------------------------------------------------------------


@item_handles("gpu.dynamic_shared_memory")
def local_memory(operation: Any) -> Run:
    def run(items: Items) -> Any:
        return (View(items.local(LOCAL_BYTES), 0, (LOCAL_BYTES,), (1,), "i8"),)

    return run


@item_handles("memref.alloca")
def own_memory(operation: Any) -> Run:
    kind = mlir.MemRefType(operation.results[0].type)
    strides, _ = kind.get_strides_and_offset()
    shape, element, size = tuple(kind.shape), str(kind.element_type), bytes_of(kind)
    return lambda items: (View(items.private(size), 0, shape, tuple(strides), element),)


@item_handles("memref.view")
def view(operation: Any) -> Run:
    """Of bytes, from a shift on."""
    kind = mlir.MemRefType(operation.results[0].type)
    strides, _ = kind.get_strides_and_offset()
    shape, element = tuple(kind.shape), str(kind.element_type)

    def run(items: Items, source: View, shift: Array) -> Any:
        begin = source.storage.start + source.offset + shift
        return (View(Storage(source.storage.raw, begin), 0, shape, tuple(strides), element),)

    return run


@item_handles("memref.reinterpret_cast")
def reinterpret(operation: Any) -> Run:
    kind = mlir.MemRefType(operation.results[0].type)
    strides, static = kind.get_strides_and_offset()
    shape, element = tuple(kind.shape), str(kind.element_type)

    def run(items: Items, source: View, *offset: Array) -> Any:
        begin = offset[0] if offset else static
        return (View(source.storage, begin, shape, tuple(strides), element),)

    return run


@item_handles("memref.extract_strided_metadata")
def metadata(operation: Any) -> Run:
    def run(items: Items, source: View) -> Any:
        base = View(source.storage, 0, (), (), source.dtype)
        numbers = (source.offset, *source.shape, *source.strides)
        return (base, *(np.atleast_1d(np.int64(number)) for number in numbers))

    return run


@item_handles("memref.load")
def load(operation: Any) -> Run:
    return lambda items, source, *at: (items.load(source, source.places(at)),)


@item_handles("memref.store")
def store(operation: Any) -> Run:
    def run(items: Items, value: Array, target: View, *at: Array) -> Any:
        items.store(target, target.places(at), value)
        return ()

    return run


@item_handles("vector.load")
def vector_load(operation: Any) -> Run:
    (count,) = _shape(operation)
    return lambda items, source, *at: (items.load(source, source.places(at, count)),)


@item_handles("vector.store")
def vector_store(operation: Any) -> Run:
    (count,) = mlir.VectorType(operation.operands[0].type).shape

    def run(items: Items, value: Array, target: View, *at: Array) -> Any:
        items.store(target, target.places(at, count), value)
        return ()

    return run
