"""Affine operations with less to write: maps and bounds that are clear without being said.

    (affine.load m i j)                                the identity map of the memref's rank
    (affine.for {:lower_bound 0 :upper_bound 8} ...)   bounds that are numbers, or affine maps
    (affine.for lo hi ...)                             bounds that are values

MLIR wants a map for each; what a program writes in MLIR's own way stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.core.errors import UserError
from pharos.ir.bindings import mlir
from pharos.lisp.lowering import segments
from pharos.lisp.lowering.constants import is_whole
from pharos.lisp.lowering.create import build, check_known
from pharos.lisp.lowering.draft import Draft
from pharos.lisp.lowering.lowering import Lowering
from pharos.lisp.lowering.scope import Env
from pharos.lisp.lowering.tables import operation
from pharos.lisp.values import Number, Symbol, Value, Vector, describe

# Where the memref stands among the operands; indices follow it.
_ACCESSES = {
    "affine.load": 0,
    "affine.store": 1,
    "affine.vector_load": 0,
    "affine.vector_store": 1,
}


@operation(*_ACCESSES)
def lower_access(lowering: Lowering, env: Env, made: Draft) -> Sequence[Any]:
    """An element by its indices; of a load without ``:result`` the memref tells the type."""
    check_known(lowering, made)
    operands, lengths = lowering.operands(env, made)
    position = _ACCESSES[made.name]
    type_ = operands[position].type if len(operands) > position else None
    if not isinstance(type_, mlir.MemRefType):
        what = "first" if position == 0 else "second"
        raise UserError(
            f"{made.name} expects a memref as its {what} operand, got {type_ or 'no operand'}",
            span=made.span,
        )
    extra: dict[str, Any] = {}
    if "map" not in made.attributes:
        given = len(operands) - position - 1
        if given != type_.rank:
            raise UserError(
                f"{made.name} of {type_} needs {type_.rank} "
                f"{'index' if type_.rank == 1 else 'indices'}, got {given}",
                span=made.span,
                hint="or a map from what is given to the indices: {:map affine_map<...>}",
            )
        extra["map"] = _attribute(mlir.AffineMap.get_identity(type_.rank))
    if made.name == "affine.load" and made.result is None:
        made.result = Symbol(str(type_.element_type), made.span)
    return build(lowering, env, made, operands, lengths, extra=extra).results


def _attribute(affine_map: Any) -> Any:
    return mlir.AffineMapAttr.get(affine_map)


_BOUNDS = {"lower_bound": "lowerBoundMap", "upper_bound": "upperBoundMap"}


@operation("affine.for")
def lower_for(lowering: Lowering, env: Env, made: Draft) -> Sequence[Any]:
    """A loop; the operands are those of the lower bound, of the upper bound, and initial values."""
    check_known(lowering, made)
    maps = {key: _bound(lowering, made, short, key) for short, key in _BOUNDS.items()}
    counts = [map_.value.n_inputs for map_ in maps.values()]
    operands, lengths = lowering.operands(env, made, _demands(lowering, made, sum(counts)))
    extra: dict[str, Any] = dict(maps)
    if "step" not in made.attributes:
        extra["step"] = mlir.IntegerAttr.get(mlir.IndexType.get(), 1)
    grouped = any(isinstance(form, Vector) for form in made.operands)
    if segments.KEY not in made.attributes and not grouped:
        carried = len(operands) - sum(counts)
        if carried < 0:
            raise UserError(
                f"affine.for needs {sum(counts)} operands for its bounds, got {len(operands)}",
                span=made.span,
                hint="say the bounds: {:lower_bound 0 :upper_bound 8}, or (affine.for from to ...)",
            )
        extra[segments.KEY] = mlir.DenseI32ArrayAttr.get([*counts, carried])
    return build(lowering, env, made, operands, lengths, extra=extra).results


def _bound(lowering: Lowering, made: Draft, short: str, key: str) -> Any:
    """The map of one bound, as an attribute. Without any the bound is one operand."""
    written = made.take(short)
    if written is None:
        written = made.take(key)
        if written is None:
            return _attribute(mlir.AffineMap.get_identity(1))
    if isinstance(written, Number) and is_whole(written):
        return _attribute(mlir.AffineMap.get_constant(int(written.value)))
    attribute = lowering.attributes.of(written) if _may_be_map(written) else None
    if not isinstance(attribute, mlir.AffineMapAttr):
        raise UserError(
            f"affine.for: :{short} must be a whole number or an affine map, "
            f"got {describe(written)}",
            span=written.span or made.span,
            hint="a bound that is a value is an operand: (affine.for from to (region ...))",
        )
    return attribute


def _may_be_map(written: Value) -> bool:
    text = getattr(written, "text", None) or getattr(written, "value", None)
    return isinstance(text, str) and text.startswith("affine_map<")


def _demands(lowering: Lowering, made: Draft, bounds: int) -> list[Any]:
    carried = lowering.types.results(made.result) if made.result is not None else []
    return [*[mlir.IndexType.get()] * bounds, *carried]
