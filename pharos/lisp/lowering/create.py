"""Making one operation: results, attributes, segments, regions (sections 6.2 to 6.4, 6.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pharos.core.errors import UserError
from pharos.ir.bindings import MLIRError, mlir
from pharos.lisp.functions import is_function_type
from pharos.lisp.lowering import segments
from pharos.lisp.lowering.constants import number_attribute
from pharos.lisp.lowering.conversions import alternatives, prepared, rename
from pharos.lisp.lowering.draft import Draft
from pharos.lisp.lowering.inference import check_inferable
from pharos.lisp.lowering.insertion import insert
from pharos.lisp.lowering.regions import fill
from pharos.lisp.lowering.scope import Env
from pharos.lisp.lowering.unknown import unknown_operation
from pharos.lisp.values import Bool, Number, String, Value, Vector, describe

if TYPE_CHECKING:
    from pharos.lisp.lowering.lowering import Lowering

# Regions that may be left out.
_REGIONS = {
    "func.func": 1,
    "llvm.func": 1,
    "llvm.mlir.global": 1,
    "scf.if": 2,
    "affine.if": 2,
}


def check_known(lowering: Lowering, made: Draft) -> None:
    """Raise UserError unless MLIR knows the operation: it would take an unknown one in silence."""
    if not lowering.context.is_registered_operation(made.name):
        raise unknown_operation(lowering, made)


def build(
    lowering: Lowering,
    env: Env,
    made: Draft,
    operands: Sequence[Any],
    lengths: Sequence[int],
    *,
    extra: Mapping[str, Any] | None = None,
    successors: Sequence[Any] = (),
    region_count: int | None = None,
) -> Any:
    """Make the operation ``made`` at the end of ``env`` and return it.

    ``lengths`` are the numbers of operands that each operand form stands for. ``extra`` are
    attributes that the program did not write, and win over its own. ``region_count`` is for
    operations whose regions something else fills.
    """
    results = lowering.types.results(made.result) if made.result is not None else None
    regions = max(len(made.regions), _REGIONS.get(made.name, 0))
    plan = _Plan(
        lowering,
        env,
        made,
        operands,
        lengths,
        results,
        {**_attributes(lowering, made, results), **(extra or {})},
        successors,
        regions if region_count is None else region_count,
    )
    operation = plan.operation()
    for region, written in zip(operation.regions, made.regions, strict=False):
        fill(lowering, env, operation, region, written)
    return operation


def _attributes(lowering: Lowering, made: Draft, results: list[Any] | None) -> dict[str, Any]:
    attributes = {}
    rename(made)
    for key, value in made.attributes.items():
        attribute = prepared(made.name, key, value)
        if attribute is None:
            attribute = _attribute(lowering, made.name, key, value, results)
        if key != segments.KEY:
            attribute = _taken(lowering, made, key, value, attribute)
        if attribute is not None:
            attributes[key] = attribute
    return attributes


def _attribute(
    lowering: Lowering, name: str, key: str, value: Value, results: list[Any] | None
) -> Any:
    if name == "arith.constant" and key == "value" and results and isinstance(value, Number | Bool):
        return number_attribute(value.value, results[0], value.span)
    if name == "llvm.func" and key == "function_type" and is_function_type(value):
        return mlir.TypeAttr.get(lowering.types.function(value, llvm=True))
    return lowering.attributes.of(value)


@dataclass
class _Plan:
    """Everything that an operation is made from."""

    lowering: Lowering
    env: Env
    draft: Draft
    operands: Sequence[Any]
    lengths: Sequence[int]
    results: list[Any] | None
    attributes: dict[str, Any]
    successors: Sequence[Any]
    regions: int

    def operation(self) -> Any:
        """The operation, at the end of the block, its regions empty."""
        self._settle_segments()
        inferring = self.lowering.inferring
        name = self.draft.name
        if self.results is not None or self.regions or not inferring.get(name, True):
            return self._create(infer=False)
        check_inferable(self.draft, self.operands, self.attributes)
        try:
            return self._create(infer=True)
        except MLIRError as error:
            if "does not support type inference" not in str(error):
                raise _inference_failed(self.draft, error) from None
        inferring[name] = False
        return self._create(infer=False)

    def _create(self, *, infer: bool) -> Any:
        return insert(
            self.env,
            self.draft.name,
            self.lowering.location(self.draft.span),
            self.draft.span,
            results=None if infer else self.results or [],
            operands=self.operands,
            attributes=self.attributes,
            successors=self.successors,
            regions=self.regions,
            infer_type=infer,
        )

    def _settle_segments(self) -> None:
        groups = self.lowering.group_count(self.draft.name)
        if not groups:
            return
        written = self.draft.attributes.get(segments.KEY)
        attribute = self.attributes.get(segments.KEY)
        if attribute is not None:
            # Wrong sizes must not reach MLIR: it trusts them when it looks at the operands.
            sizes = segments.sizes_of(self.draft, written, attribute)
            attribute = segments.checked(self.draft, sizes, groups, len(self.operands))
        elif self.operands:
            attribute = segments.filled(
                self.draft,
                groups,
                self.operands,
                self.lengths,
                self.results or [],
                self.attributes,
            )
        else:
            return
        self.attributes[segments.KEY] = attribute


def _taken(lowering: Lowering, made: Draft, key: str, value: Value, attribute: Any) -> Any | None:
    """``attribute``, or what was meant where the operation would drop it; None for nothing."""
    known = lowering.taken.get((made.name, key, attribute))
    if known is None:
        known = lowering.taken[made.name, key, attribute] = _keeps(made.name, key, attribute)
    if known:
        return attribute
    if isinstance(value, Bool) and not value.value and _keeps(made.name, key, mlir.UnitAttr.get()):
        return None
    for candidate in alternatives(made.name, key, value, attribute):
        if _keeps(made.name, key, candidate):
            return candidate
    raise UserError(
        f"{made.name} does not take {describe(value)} for :{key}",
        span=value.span or made.key_spans.get(key) or made.span,
        hint='an attribute in MLIR\'s own spelling, as a string, always works: "#dialect<...>"'
        if isinstance(value, String | Vector)
        else None,
    )


def _keeps(name: str, key: str, attribute: Any) -> bool:
    probe = mlir.Operation.create(
        name, attributes={key: attribute}, loc=mlir.Location.unknown(), ip=False
    )
    return key in probe.attributes and bool(probe.attributes[key] == attribute)


def _inference_failed(made: Draft, error: MLIRError) -> UserError:
    said = [d.message for d in error.error_diagnostics]
    return UserError(
        f"operation creation failed: {made.name}: {'; '.join(said) or error}",
        span=made.span,
        hint="check the types of the operands, or say the type with :result",
    )
