"""linalg operations that are several loops in one become those loops' operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos import ir

_SCHEDULE = """
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%module: !transform.any_op {transform.readonly}) {
    %softmax = transform.structured.match ops{["linalg.softmax"]} in %module
      : (!transform.any_op) -> !transform.any_op
    transform.structured.decompose_interface %softmax : (!transform.any_op) -> !transform.any_op
    %pack = transform.structured.match ops{["linalg.pack"]} in %module
      : (!transform.any_op) -> !transform.op<"linalg.pack">
    transform.structured.lower_pack %pack : (!transform.op<"linalg.pack">)
      -> (!transform.op<"tensor.pad">, !transform.op<"tensor.expand_shape">,
          !transform.op<"linalg.transpose">)
    %unpack = transform.structured.match ops{["linalg.unpack"]} in %module
      : (!transform.any_op) -> !transform.op<"linalg.unpack">
    transform.structured.lower_unpack %unpack : (!transform.op<"linalg.unpack">)
      -> (!transform.op<"tensor.empty">, !transform.op<"linalg.transpose">,
          !transform.op<"tensor.collapse_shape">, !transform.op<"tensor.extract_slice">,
          !transform.op<"linalg.copy">)
    transform.yield
  }
}
"""
_AGGREGATES = frozenset({"linalg.softmax", "linalg.pack", "linalg.unpack"})


@dataclass(frozen=True)
class Aggregates:
    """``linalg.softmax``, ``pack`` and ``unpack`` on tensors  ==>  generics, pads, transposes."""

    name: ClassVar[str] = "linalg-aggregates"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place; costs nothing where there are none.

        Raises CompileError for one on memrefs, which MLIR cannot take apart.
        """
        found = ir.operations(module, *_AGGREGATES)
        for operation in found:
            _refuse_memrefs(operation)
        if found:
            schedule = ir.parse(_SCHEDULE, file="linalg-aggregates", context=module.context)
            ir.apply_schedule(module, schedule)
        return module


def _refuse_memrefs(operation: Any) -> None:
    if len(operation.results):
        return
    error = ir.CompileError(
        f"'{operation.name}' is supported on tensors, found memrefs",
        span=ir.span_of(operation.location),
        hint="read the memrefs with bufferization.to_tensor, and put the result back with "
        "bufferization.materialize_in_destination",
    )
    error.operation = operation.name
    raise error
