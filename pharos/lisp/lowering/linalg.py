"""linalg operations: which operands are outputs, and the bodies of named ones (section 6.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.core.errors import UserError
from pharos.ir.bindings import fill_linalg_body, mlir
from pharos.lisp.lowering import segments
from pharos.lisp.lowering.constants import is_float
from pharos.lisp.lowering.create import build, check_known
from pharos.lisp.lowering.draft import Draft
from pharos.lisp.lowering.lowering import Lowering
from pharos.lisp.lowering.scope import Env
from pharos.lisp.lowering.tables import operation
from pharos.lisp.values import Number, Value, describe

# Operations of the dialect that are not structured: they have no ins, outs and body.
_PLAIN = (
    "linalg.yield", "linalg.index", "linalg.pack", "linalg.unpack", "linalg.softmax",
    "linalg.winograd_filter_transform", "linalg.winograd_input_transform",
    "linalg.winograd_output_transform",
)  # fmt: skip

# Named operations whose body MLIR makes, with the number of their inputs, by what the elements
# may be.
_ON_FLOATS = {
    "exp": 1, "log": 1, "ceil": 1, "floor": 1, "negf": 1, "reciprocal": 1, "round": 1,
    "sqrt": 1, "rsqrt": 1, "tanh": 1, "erf": 1, "powf": 2,
    "abs": 1, "square": 1,
}  # fmt: skip
_ON_INTEGERS = {"div_unsigned": 2}
_ON_BOTH = {
    "copy": 1, "fill": 1, "transpose": 1, "broadcast": 1,
    "add": 2, "sub": 2, "mul": 2, "div": 2, "max": 2, "min": 2,
    "matmul": 2, "batch_matmul": 2, "matvec": 2, "vecmat": 2, "dot": 2, "mmt4d": 2,
    "batch_mmt4d": 2, "batch_matvec": 2, "batch_vecmat": 2, "batch_reduce_matmul": 2,
    "conv_1d": 2, "conv_2d": 2, "conv_3d": 2, "conv_1d_ncw_fcw": 2, "conv_1d_nwc_wcf": 2,
    "conv_2d_nchw_fchw": 2, "conv_2d_nhwc_fhwc": 2, "conv_2d_nhwc_hwcf": 2,
    "depthwise_conv_2d_nhwc_hwc": 2, "depthwise_conv_2d_nchw_chw": 2,
    "pooling_nchw_max": 2, "pooling_nchw_sum": 2, "pooling_nhwc_max": 2, "pooling_nhwc_min": 2,
    "pooling_nhwc_sum": 2,
}  # fmt: skip
# Those that only move elements, and convert them.
_MOVES = ("copy", "fill", "transpose", "broadcast")
# Those that mean nothing on truth values.
_NOT_ON_I1 = ("sub", "div", "div_unsigned")
_INPUTS = {**_ON_FLOATS, **_ON_INTEGERS, **_ON_BOTH}


@operation("linalg.")
def lower_linalg(lowering: Lowering, env: Env, made: Draft) -> Sequence[Any]:
    """A structured operation; ``:ins`` and ``:outs`` count the operands, the last one is the
    output where they are missing. Without a region the body is what the name says."""
    check_known(lowering, made)
    if made.name in _PLAIN:
        return lowering.generic(env, made)
    ins, outs = made.take("ins"), made.take("outs")
    operands, lengths = lowering.operands(env, made)
    sizes = _sizes(made, ins, outs, len(operands))
    extra = {}
    if lowering.group_count(made.name):
        made.take(segments.KEY)
        extra[segments.KEY] = mlir.DenseI32ArrayAttr.get(sizes)
    if len(made.regions) > 1:
        raise UserError(f"{made.name} takes one region, got {len(made.regions)}", span=made.span)
    if made.regions:
        return build(lowering, env, made, operands, lengths, extra=extra).results
    _check_body(made, operands, sizes)
    operation = build(lowering, env, made, operands, lengths, extra=extra, region_count=1)
    with lowering.location(made.span):
        fill_linalg_body(operation)
    return operation.results


def _sizes(made: Draft, ins: Value | None, outs: Value | None, count: int) -> list[int]:
    if ins is None and outs is None:
        if count < 1:
            raise UserError(f"{made.name} needs an output operand", span=made.span)
        return [count - 1, 1]
    sizes = [_count(made, "ins", ins), _count(made, "outs", outs)]
    if sum(sizes) != count:
        raise UserError(
            f"{made.name}: :ins {sizes[0]} and :outs {sizes[1]} need {sum(sizes)} operands, "
            f"got {count}",
            span=made.span,
        )
    return sizes


def _count(made: Draft, key: str, value: Value | None) -> int:
    if value is None:
        raise UserError(f"{made.name}: missing :{key} (a number of operands)", span=made.span)
    if not isinstance(value, Number) or not isinstance(value.value, int) or value.value < 0:
        raise UserError(
            f"{made.name}: :{key} must be a number of operands, got {describe(value)}",
            span=value.span,
        )
    return value.value


def _check_body(made: Draft, operands: Sequence[Any], sizes: list[int]) -> None:
    """Raise UserError unless MLIR can make the body; it would crash."""
    name = made.name.partition(".")[2]
    inputs = _INPUTS.get(name)
    if inputs is None:
        raise UserError(
            f"{made.name} needs its body: missing region",
            span=made.span,
            hint="end it in (linalg.yield VALUE)",
        )
    if sizes != [inputs, 1]:
        raise UserError(
            f"{made.name} has {inputs} input{'s' if inputs > 1 else ''} and 1 output, "
            f"got {sizes[0]} and {sizes[1]}",
            span=made.span,
        )
    for value in operands[1:] if name == "fill" else operands:
        if not isinstance(value.type, mlir.MemRefType | mlir.RankedTensorType):
            raise UserError(
                f"{made.name} works on memrefs and tensors, got {value.type}", span=made.span
            )
    elements = [getattr(value.type, "element_type", value.type) for value in operands]
    if not _fit(name, elements):
        kinds = "floats" if name in _ON_FLOATS else "integers"
        kinds = "floats, or on integers" if name in _ON_BOTH else kinds
        raise UserError(
            f"{made.name} works on {kinds}, got {', '.join(map(str, elements))}",
            span=made.span,
            hint="give it a body of its own: (region (block [...] ... (linalg.yield x)))",
        )


def _fit(name: str, elements: list[Any]) -> bool:
    """Whether MLIR can make the body of ``name`` for operands of these element types."""
    same = all(element == elements[0] for element in elements)
    floats = [is_float(element) for element in elements]
    integers = [
        isinstance(element, mlir.IntegerType) and (element.width > 1 or name not in _NOT_ON_I1)
        for element in elements
    ]
    if name in _MOVES:
        return same or all(map(any, zip(floats, integers, strict=True)))
    return (name not in _ON_INTEGERS and all(floats)) or (name not in _ON_FLOATS and all(integers))
