"""The transform op ``pharos.fuse_attention``, defined in Python.

    %products = transform.structured.match ops{["linalg.batch_matmul"]} in %module ...
    %fused = "pharos.fuse_attention"(%products) {count = 2 : i64}
        : (!transform.any_op) -> !transform.any_op

Importing this takes a while, for the builders of transform. Annotations of the class are read as it
is made: they must not be text.
"""

from typing import Any

from pharos.ir import span_of
from pharos.ir.bindings import dialect, mlir
from pharos.transform.attention.fusing import NAME, fused

ext: Any = dialect("ext")
transform: Any = dialect("transform")


class Pharos(ext.Dialect, name="pharos"):  # type: ignore[call-arg]
    """Transforms that upstream MLIR does not have."""


class FuseAttentionOp(Pharos.Operation, name="fuse_attention"):  # type: ignore[call-arg, name-defined]
    """Fuse attentions, given by their second products, into one operation each.

        %s = linalg.batch_matmul ins(%q, %kt) outs(%zero)       %o = linalg.generic
        %m, %e, %l, %p = ... softmax of %s * scale ...    ==>       {pharos.attention = ...}
        %o = linalg.batch_matmul ins(%p, %v) outs(%zero)            ins(%q, %k, %v) outs(%e)

    Fused are the first product with what its factors are transposed, repeated or multiplied
    by, the score function (scale, masks, any elementwise function of score and places), the
    softmax and the second product. Against the standard form: scores and weights are never in
    memory, softmax and sums are f32 whatever the operands are, scores are not rounded to their
    type in between, and keys that a causal mask or a window hides are not read, so that NaN
    and infinity in them do not reach the row.

    ``products`` is consumed; ``fused`` has the new operations in the same order. With ``count``,
    an integer, there must be as many. Errors name the operation, its place and the reason.
    """

    products: ext.Operand[transform.AnyOpType]
    fused: ext.Result[transform.AnyOpType[()]] = ext.infer_result()

    class Impl(transform.TransformOpInterface):
        @staticmethod
        def apply(op: Any, rewriter: Any, results: Any, state: Any) -> Any:
            targets = [one.operation for one in state.get_payload_ops(op.products)]
            attributes = op.operation.attributes
            count = attributes["count"].value if "count" in attributes else None
            place = span_of(op.operation.location)
            results.set_ops(op.fused, fused(targets, count, place, rewriter.erase_op))
            return transform.DiagnosedSilenceableFailure.Success

        @staticmethod
        def allow_repeated_handle_operands(op: Any) -> bool:
            return False

    class Effects(mlir.MemoryEffectsOpInterface):
        @staticmethod
        def get_effects(op: Any, effects: Any) -> None:
            transform.consumes_handle(op.op_operands, effects)
            transform.produces_handle(op.results, effects)
            transform.modifies_payload(effects)


def load(context: Any) -> None:
    """Make the op known to ``context``; once is enough, more does no harm."""
    with context:
        try:
            Pharos.load()
        except ext.DialectAlreadyLoadedError:
            return
        for interface in (FuseAttentionOp.Impl, FuseAttentionOp.Effects):
            interface.attach(FuseAttentionOp.OPERATION_NAME)


def fuse_attention(products: Any, count: int | None = None) -> Any:
    """The handle to the fused operations of the handle ``products``; writes the op at the
    insertion point of a transform sequence. See ``FuseAttentionOp`` for what it does."""
    attributes = {}
    if count is not None:
        i64 = mlir.IntegerType.get_signless(64)
        attributes["count"] = mlir.IntegerAttr.get(i64, count)
    kind = transform.AnyOpType.get()
    made = mlir.Operation.create(NAME, results=[kind], operands=[products], attributes=attributes)
    return made.results[0]
