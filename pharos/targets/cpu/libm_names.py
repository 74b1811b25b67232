"""A program's own function must not answer for C's.

The pass that follows turns ``math.erf`` into a call of ``erf``. It takes whatever function of that
name the module has: a program's own ``erf``, which may mean something else, or be the very function
that the operation stands in, which would then call itself for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.core.errors import ErrorList, Note, UserError
from pharos.ir import operations, span_of
from pharos.ir.bindings import mlir

# Where C's name is not that of the operation.
_SPELLED = {"powf": "pow", "absf": "fabs", "fpowi": "pow"}


@dataclass(frozen=True)
class LibmNames:
    """Refuse a module in which a math operation would call one of the program's own functions."""

    name: ClassVar[str] = "libm-names"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Check ``module``; it is not changed."""
        own = {
            op.attributes["sym_name"].value: op
            for op in module.body.operations
            if op.operation.name == "func.func" and len(op.operation.regions[0].blocks)
        }
        errors: dict[str, UserError] = {}
        for operation in operations(module):
            name = _c_function(operation)
            if name in own and name not in errors:
                errors[name] = UserError(
                    f"'{operation.name}' calls C's function '{name}', and the program has a "
                    f"function of that name",
                    span=span_of(operation.location),
                    notes=[Note("the program's own function", span_of(own[name].location))],
                    hint="give the program's function another name",
                )
        if errors:
            found = list(errors.values())
            raise found[0] if len(found) == 1 else ErrorList(found)
        return module


def _c_function(operation: Any) -> str:
    """The function of C's library that ``operation`` becomes; "" when it is no math operation."""
    if not operation.name.startswith("math.") or not len(operation.results):
        return ""
    stem = operation.name.removeprefix("math.")
    type_ = operation.results[0].type
    element = type_.element_type if isinstance(type_, mlir.VectorType) else type_
    suffix = "f" if str(element) == "f32" else ""
    return _SPELLED.get(stem, stem) + suffix
