"""Making one operation: results, attributes, segments, regions (sections 6.2 to 6.4, 6.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pharos.core.errors import UserError
from pharos.ir.bindings import MLIRError, mlir
from pharos.lisp.lower import segments
from pharos.lisp.lower.conversions import alternatives, prepared
from pharos.lisp.lower.draft import Draft
from pharos.lisp.lower.regions import fill
from pharos.lisp.lower.scope import Env
from pharos.lisp.lower.types import is_function_type
from pharos.lisp.lower.unknown import unknown_operation
from pharos.lisp.values import Bool, Number, String, Value, Vector, describe

if TYPE_CHECKING:
    from pharos.lisp.lower.lowering import Lowering

# Regions that may be left out.
_REGIONS = {
    "func.func": 1,
    "llvm.func": 1,
    "llvm.mlir.global": 1,
    "scf.if": 2,
    "affine.if": 2,
}
# What MLIR's type inference takes for granted; it crashes on anything else.
_FIRST_OPERAND = {
    "complex.abs": "complex",
    "complex.angle": "complex",
    "complex.im": "complex",
    "complex.re": "complex",
    "llvm.extractelement": "vector",
    "memref.extract_strided_metadata": "memref",
    "memref.generic_atomic_rmw": "memref",
    "memref.load": "memref",
    "tensor.extract": "tensor",
    "vector.deinterleave": "vector",
    "vector.extract": "vector",
    "vector.interleave": "vector",
    "vector.shuffle": "vector",
    "vector.to_elements": "vector",
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
    extra: dict[str, Any] | None = None,
    successors: Sequence[Any] = (),
    region_count: int | None = None,
) -> Sequence[Any]:
    """Make the operation ``made`` in ``env`` with these operands; its results.

    ``extra`` are attributes that the program did not write, and win over its own.
    """
    results = lowering.types.results(made.result) if made.result is not None else None
    attributes = _attributes(lowering, made, results)
    attributes.update(extra or {})
    count = max(len(made.regions), _REGIONS.get(made.name, 0))
    if region_count is not None:
        count = region_count
    operation = _create(
        lowering, env, made, operands, lengths, results, attributes, successors, count
    )
    for region, written in zip(operation.regions, made.regions, strict=False):
        fill(lowering, env, operation, region, written)
    return operation.results


def _attributes(lowering: Lowering, made: Draft, results: list[Any] | None) -> dict[str, Any]:
    attributes = {}
    for key, value in made.attributes.items():
        attribute = prepared(made.name, key, value)
        if attribute is None:
            attribute = _attribute(lowering, made, key, value, results)
        attributes[key] = attribute
    return attributes


def _attribute(
    lowering: Lowering, made: Draft, key: str, value: Value, results: list[Any] | None
) -> Any:
    if made.name == "arith.constant" and key == "value" and isinstance(value, Number) and results:
        from pharos.lisp.lower.constants import number_attribute

        return number_attribute(value.value, results[0], value.span)
    if made.name == "llvm.func" and key == "function_type" and is_function_type(value):
        return mlir.TypeAttr.get(lowering.types.function(value, llvm=True))
    if key == segments.KEY and isinstance(value, Vector):
        return mlir.DenseI32ArrayAttr.get(
            [item.value for item in value.items if isinstance(item, Number)]
        )
    return lowering.attributes.of(value)


def _create(
    lowering: Lowering,
    env: Env,
    made: Draft,
    operands: Sequence[Any],
    lengths: Sequence[int],
    results: list[Any] | None,
    attributes: dict[str, Any],
    successors: Sequence[Any],
    regions: int,
) -> Any:
    infer = results is None and regions == 0 and lowering.inferring.get(made.name, True)
    if infer:
        _check_first_operand(made, operands)
    location = lowering.location(made.span)
    point = mlir.InsertionPoint(env.block)

    def create(infer: bool) -> Any:
        return mlir.Operation.create(
            made.name,
            results=None if infer else results or [],
            operands=operands,
            attributes=attributes,
            successors=successors,
            regions=regions,
            loc=location,
            ip=point,
            infer_type=infer,
        )

    def attempt() -> Any:
        if not infer or not lowering.inferring.get(made.name, True):
            return create(False)
        try:
            operation = create(True)
        except MLIRError as error:
            if "does not support type inference" not in str(error):
                raise _inference_failed(made, error) from None
            lowering.inferring[made.name] = False
            return create(False)
        lowering.inferring[made.name] = True
        return operation

    if segments.KEY in attributes and lowering.group_count(made.name):
        # Wrong sizes must not reach MLIR: it trusts them when it looks at the operands.
        sizes = _sizes(made, attributes[segments.KEY])
        groups = lowering.group_count(made.name)
        attributes[segments.KEY] = segments.checked(made, sizes, groups, len(operands))
    operation = attempt()
    held = operation.attributes
    retry = False
    if operands and segments.KEY not in attributes and segments.KEY in held:
        types = [result.type for result in operation.results]
        attributes[segments.KEY] = segments.filled(made, operands, lengths, types, attributes)
        retry = True
    for key in list(attributes):
        if key not in held and key in made.attributes:
            replacement = _replacement(made, key, attributes[key])
            if replacement is None:
                del attributes[key]
            else:
                attributes[key] = replacement
            retry = True
    if retry:
        operation.erase()
        operation = attempt()
    return operation


def _sizes(made: Draft, attribute: Any) -> Sequence[int]:
    if isinstance(attribute, mlir.DenseI32ArrayAttr | mlir.DenseI64ArrayAttr):
        return list(attribute)
    raise UserError(
        f":{segments.KEY} must be array<i32: ...>, got {attribute}",
        span=made.key_spans.get(segments.KEY) or made.span,
    )


def _replacement(made: Draft, key: str, attribute: Any) -> Any | None:
    """An attribute that the operation keeps, for one that it dropped; None to leave it out."""
    value = made.attributes[key]
    if isinstance(value, Bool) and not value.value and _keeps(made.name, key, mlir.UnitAttr.get()):
        return None
    for candidate in alternatives(made.name, key, value, attribute):
        if _keeps(made.name, key, candidate):
            return candidate
    raise UserError(
        f"{made.name} does not take {describe(value)} for :{key}",
        span=value.span or made.key_spans.get(key) or made.span,
        hint='an attribute in MLIR\'s own spelling, as a string, always works: "#dialect<...>"'
        if isinstance(value, String)
        else None,
    )


def _keeps(name: str, key: str, attribute: Any) -> bool:
    probe = mlir.Operation.create(
        name, attributes={key: attribute}, loc=mlir.Location.unknown(), ip=False
    )
    return key in probe.attributes and probe.attributes[key] == attribute


def _check_first_operand(made: Draft, operands: Sequence[Any]) -> None:
    wanted = _FIRST_OPERAND.get(made.name)
    if wanted is None:
        return
    found = str(operands[0].type) if operands else "no operand"
    if not found.startswith(wanted):
        raise UserError(
            f"{made.name} expects a {wanted} as its first operand, got {found}", span=made.span
        )


def _inference_failed(made: Draft, error: MLIRError) -> UserError:
    said = [d.message for d in error.error_diagnostics]
    return UserError(
        f"operation creation failed: {made.name}: {'; '.join(said) or error}",
        span=made.span,
        hint="check the types of the operands, or say the type with :result",
    )
