"""Reductions, poolings and scans."""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import mlir
from pharos.payload.bodies import Interner, yields
from pharos.payload.convolution import windows_of
from pharos.payload.facts import Pooling, Reduction, Scan
from pharos.payload.graph import Node
from pharos.payload.maps import element_of, shape_of
from pharos.payload.structured import Structured

_COMBINERS = {
    "add": "sum",
    "mul": "product",
    "max": "max",
    "min": "min",
    "and": "all",
    "or": "any",
    "xor": "parity",
}
_SCANNED = {
    "arith.addf": "sum",
    "arith.addi": "sum",
    "arith.mulf": "product",
    "arith.muli": "product",
    "arith.maximumf": "max",
    "arith.maxsi": "max",
    "arith.minimumf": "min",
    "arith.minsi": "min",
}


def reduction_of(node: Node) -> Reduction | None:
    """``node`` as a reduction; None when it is none, or one that has a name of its own."""
    nest = node.structured
    if nest is None or not nest.reductions:
        return None
    return Reduction(
        operation=node.operation,
        combiner=combiner_of(nest),
        kept=tuple(nest.sizes[d] for d in sorted(nest.parallel)),
        reduced=tuple(nest.sizes[d] for d in sorted(nest.reductions)),
        axes=tuple(
            axis
            for axis, index in enumerate(nest.accesses[0])
            if index is not None and index.loop in nest.reductions
        ),
        dtype=element_of(nest.operands[-len(nest.outputs)].type),
    )


def combiner_of(nest: Structured) -> str:
    """How the body combines an element with what it carries.

    "sum", "max", ...; "sum of mul" when something is computed first; "argmax" with two outputs
    of which one is a place.
    """
    interner = Interner()
    inputs = [interner.make("argument", n) for n in range(nest.inputs)]
    carried = [interner.make("carried", n) for n in range(len(nest.outputs))]
    loops = [f"i{n}" for n in range(nest.loops)]
    made = yields(interner, nest, [*inputs, *carried], loops, lambda value: interner.make("scalar"))
    operator, *arguments = interner.form(made[0])
    name = _COMBINERS.get(operator, "other")
    if name == "other" or carried[0] not in arguments:
        return "other"
    if len(made) == 2 and name in ("max", "min"):
        return f"arg{name}"
    rest = [one for one in arguments if one != carried[0]]
    inner = interner.operator(rest[0]) if rest else "argument"
    return name if inner == "argument" else f"{name} of {inner}"


def pooling_of(node: Node) -> Pooling | None:
    """``node`` as a pooling; None when it is none."""
    nest = node.structured
    if nest is None or not nest.reductions or not nest.inputs:
        return None
    windows = windows_of(nest, 0)
    if not windows:
        return None
    return Pooling(
        operation=node.operation,
        combiner=combiner_of(nest),
        space=tuple(nest.sizes[window[0]] for window in windows),
        window=tuple(nest.sizes[window[1]] for window in windows),
        strides=tuple(window[2] for window in windows),
        dilations=tuple(window[3] for window in windows),
        dtype=element_of(nest.operands[-1].type),
    )


def scan_of(node: Node) -> Scan | None:
    """``node`` as a scan; None when it is none."""
    operation = node.operation
    if node.name != "tm_tensor.scan":
        return None
    value = operation.operands[0]
    return Scan(
        operation=operation,
        combiner=_scanned(operation),
        shape=shape_of(value.type),
        axis=mlir.IntegerAttr(operation.attributes["dimension"]).value,
        inclusive=bool(mlir.BoolAttr(operation.attributes["inclusive"]).value),
        dtype=element_of(value.type),
    )


def _scanned(operation: Any) -> str:
    names = [one.operation.name for one in operation.regions[0].blocks[0].operations]
    return next((_SCANNED[name] for name in names if name in _SCANNED), "other")
