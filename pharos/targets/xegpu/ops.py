"""Builders of XeGPU operations, which the bindings do not have.

Source: MLIR's XeGPU dialect (XeGPUOps.td); offsets are given where memory is accessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir

_CACHED = "#xegpu.cache_hint<cached>"


def descriptor_type(shape: Sequence[int], element: Any, layout: Any) -> Any:
    """The type of a descriptor of tiles of ``shape`` elements."""
    sizes = "x".join(map(str, shape))
    return mlir.Type.parse(f"!xegpu.tensor_desc<{sizes}x{element}, {layout}>")


def address(memref: Any) -> Any:
    """The address (i64) of the first element of ``memref``."""
    arith, extract = dialect("arith"), dialect("memref")
    metadata = extract.ExtractStridedMetadataOp(memref)
    i64 = mlir.IntegerType.get_signless(64)
    base = extract.ExtractAlignedPointerAsIndexOp(metadata.base_buffer).result
    size = mlir.MemRefType(memref.type).element_type.width // 8
    bytes_ = dialect("arith").constant(mlir.IndexType.get(), size)
    return arith.index_cast(i64, arith.addi(base, arith.muli(metadata.offset, bytes_)))


def create_nd_tdesc(
    pointer: Any, surface: tuple[int, int, int], tile: Sequence[int], element: Any, layout: Any
) -> Any:
    """A descriptor for tiles of the ``surface`` (height, width, pitch in elements)."""
    height, width, pitch = surface
    return _create(
        "xegpu.create_nd_tdesc",
        [descriptor_type(tile, element, layout)],
        [pointer],
        const_shape=mlir.DenseI64ArrayAttr.get([height, width]),
        const_strides=mlir.DenseI64ArrayAttr.get([pitch, 1]),
        operandSegmentSizes=mlir.DenseI32ArrayAttr.get([1, 0, 0]),
    ).result


def load_nd(descriptor: Any, offsets: Sequence[Any], tile: Any, layout: Any) -> Any:
    """The tile (a vector type) at ``offsets``; zero outside the surface."""
    return _create(
        "xegpu.load_nd", [tile], [descriptor, *offsets], **_place(offsets, layout)
    ).result


def prefetch_nd(descriptor: Any, offsets: Sequence[Any], layout: Any) -> None:
    """Ask both caches for the tile at ``offsets``; nothing happens outside the surface."""
    hints = {name: mlir.Attribute.parse(_CACHED) for name in ("l1_hint", "l2_hint")}
    _create("xegpu.prefetch_nd", [], [descriptor, *offsets], **_place(offsets, layout), **hints)


def store_nd(value: Any, descriptor: Any, offsets: Sequence[Any], layout: Any) -> None:
    """Write the tile ``value`` at ``offsets``; what is outside the surface is not written."""
    _create("xegpu.store_nd", [], [value, descriptor, *offsets], **_place(offsets, layout))


def dpas(a: Any, b: Any, sums: Any, layouts: Sequence[Any]) -> Any:
    """``sums + a * b``; ``layouts`` are those of ``a``, ``b`` and the sums."""
    names = ("layout_a", "layout_b", "layout_cd")
    attributes = {n: _attribute(v) for n, v in zip(names, layouts, strict=True)}
    return _create("xegpu.dpas", [sums.type], [a, b, sums], **attributes).result


def convert_layout(value: Any, before: Any, after: Any) -> Any:
    """``value`` spread over instructions otherwise."""
    if str(before) == str(after):
        return value
    attributes = {"input_layout": _attribute(before), "target_layout": _attribute(after)}
    return _create("xegpu.convert_layout", [value.type], [value], **attributes).result


def load(pointer: Any, offsets: Any, mask: Any, kind: Any, layout: Any) -> Any:
    """The elements ``offsets`` (indices) elements behind ``pointer``, where ``mask`` is set."""
    attributes = {"layout": _attribute(layout)}
    return _create("xegpu.load", [kind], [pointer, offsets, mask], **attributes).result


def store(value: Any, pointer: Any, offsets: Any, mask: Any, layout: Any) -> None:
    """Write the elements of ``value`` to ``offsets`` from ``pointer`` where ``mask`` is set."""
    _create("xegpu.store", [], [value, pointer, offsets, mask], layout=_attribute(layout))


def _place(offsets: Sequence[Any], layout: Any) -> dict[str, Any]:
    dynamic = mlir.ShapedType.get_dynamic_stride_or_offset()
    return {
        "const_offsets": mlir.DenseI64ArrayAttr.get([dynamic] * len(offsets)),
        "layout": _attribute(layout),
    }


def _attribute(layout: Any) -> Any:
    return mlir.Attribute.parse(str(layout))


def _create(name: str, types: Sequence[Any], operands: Sequence[Any], **attributes: Any) -> Any:
    return mlir.Operation.create(
        name, results=list(types), operands=list(operands), attributes=attributes
    )
