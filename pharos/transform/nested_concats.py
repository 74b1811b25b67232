"""A concatenation that begins with another one takes that whole.

    %a = tensor.concat dim(1) %x, %y;  %b = tensor.concat dim(1) %x, %y, %z
    ==>
    %a = tensor.concat dim(1) %x, %y;  %b = tensor.concat dim(1) %a, %z

As many bytes are copied, in one piece for many: each layer of a dense block concatenates the
results of all layers before it, and a block of n layers would be n * n / 2 copies to compile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir

_CONCAT = "tensor.concat"


@dataclass(frozen=True)
class NestedConcats:
    """``tensor.concat`` of the operands of an earlier one and more  ==>  of its result and more."""

    name: ClassVar[str] = "nested-concats"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        # By block, dimension and operands: results that come earlier in the text.
        seen: dict[tuple[Any, ...], Any] = {}
        with module.context:
            for operation in operations(module, _CONCAT):
                values = tuple(operation.operands)
                place = operation.block, operation.attributes["dim"].value
                for count in range(len(values) - 1, 1, -1):
                    begun = seen.get((*place, values[:count]))
                    if begun is not None:
                        operation = _replaced(operation, [begun, *values[count:]])
                        break
                seen.setdefault((*place, values), operation.results[0])
        return module


def _replaced(operation: Any, values: list[Any]) -> Any:
    """A concatenation of ``values`` in the place of ``operation``."""
    with mlir.InsertionPoint(operation), operation.location:
        dim = operation.attributes["dim"].value
        made = dialect("tensor").ConcatOp(operation.results[0].type, dim, values)
    operation.results[0].replace_all_uses_with(made.result)
    operation.erase()
    return made.operation
