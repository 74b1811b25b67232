"""The transform op pharos.fuse_attention: what it fuses, and what it refuses."""

from __future__ import annotations

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.ingress.payloads import make
from pharos.ir.bindings import dialect, mlir
from pharos.transform.attention.op import fuse_attention, load

MATCH = '%p = transform.structured.match ops{["linalg.batch_matmul"]} in %m'
SECOND = f"""{MATCH} : (!transform.any_op) -> !transform.any_op
    %first, %last = transform.split_handle %p : (!transform.any_op)
        -> (!transform.any_op, !transform.any_op)"""


def payload(context, **options):
    sizes = {"heads": 2, "queries": 5, "keys": 7, "depth": 4, **options}
    return ir.parse(make("attention", **sizes).text, file="payload.mlir", context=context)


def run(handle: str, *, lines: str = SECOND, count: str = "", made=None):
    """The payload after fusing what ``handle`` holds."""
    context = ir.new_context()
    load(context)
    module = made(context) if made is not None else payload(context)
    schedule = ir.parse(
        f"""module attributes {{transform.with_named_sequence}} {{
  transform.named_sequence @__transform_main(%m: !transform.any_op) {{
    {lines}
    %f = "pharos.fuse_attention"({handle}) {{{count}}} : (!transform.any_op) -> !transform.any_op
    transform.annotate %f "fused" : !transform.any_op
    transform.yield
  }}
}}""",
        file="schedule.mlir",
        context=context,
    )
    ir.apply_schedule(module, schedule)
    ir.verify(module)
    return str(module)


def test_a_second_product_becomes_one_operation():
    text = run("%last", count="count = 1 : i64")
    assert text.count("linalg.generic") == 1 and "batch_matmul" not in text
    assert "pharos.attention" in text and "fused" in text
    assert "call @pharos.softmax_weighted_sum_f32_f32" in text


def test_the_builder_writes_the_op():
    context = ir.new_context()
    load(context)
    module = payload(context)
    with context, mlir.Location.unknown():
        transform = dialect("transform")
        schedule = mlir.Module.create()
        schedule.operation.attributes["transform.with_named_sequence"] = mlir.UnitAttr.get()
        kind = transform.AnyOpType.get()
        with mlir.InsertionPoint(schedule.body):
            sequence = transform.NamedSequenceOp("__transform_main", [kind], [])
        with mlir.InsertionPoint(sequence.body):
            found = mlir.Operation.create(
                "transform.structured.match", results=[kind], operands=[sequence.bodyTarget],
                attributes={
                    "ops": mlir.ArrayAttr.get([mlir.StringAttr.get("linalg.softmax")]),
                },
            )  # fmt: skip
            fuse_attention(found.results[0], count=1)
            transform.YieldOp()
    with pytest.raises(UserError, match="is not the second product of an attention"):
        ir.apply_schedule(module, schedule)


@pytest.mark.parametrize(
    ("handle", "options", "message"),
    [
        ("%p", {"lines": f"{MATCH} : (!transform.any_op) -> !transform.any_op",
                "count": "count = 1 : i64"}, "expected 1 operations, as count says, found 2"),
        ("%first", {}, "'linalg.batch_matmul' is not the second product of an attention"),
        ("%m", {"lines": ""}, "'builtin.module' is not the second product of an attention"),
        ("%e", {"lines": SECOND.replace("batch_matmul", "conv_2d").split("\n")[0].replace(
            "%p", "%e")}, "found an empty one"),
    ],
)  # fmt: skip
def test_what_is_refused(handle, options, message):
    with pytest.raises(UserError) as caught:
        run(handle, **options)
    assert "pharos.fuse_attention" in caught.value.message and message in caught.value.message
    assert caught.value.span is not None and caught.value.hint


def test_other_element_types_are_refused_with_the_reason():
    with pytest.raises(UserError, match="its query is stored as f64") as caught:
        run("%last", made=lambda context: payload(context, dtype="f64"))
    assert caught.value.span is not None
