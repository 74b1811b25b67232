"""Operand segments (section 6.4): how many operands each variable group of an operation has."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from pharos.core.errors import UserError
from pharos.ir.bindings import dialect, mlir
from pharos.lisp.lowering.blocks import split_blocks
from pharos.lisp.lowering.draft import Draft
from pharos.lisp.values import Number, Value, Vector

KEY = "operandSegmentSizes"
# Operations that got more groups at the end over time: an old array means none in the new ones.
_GROWN = ("gpu.launch", "gpu.launch_func")


@functools.cache
def operations_of(name: str) -> dict[str, Any]:
    """The classes of the operations of dialect ``name``, by operation name; empty if unknown."""
    try:
        module: ModuleType = dialect(f"_{name}_ops_gen")
    except ModuleNotFoundError:
        return {}
    found: dict[str, Any] = {}
    for member in vars(module).values():
        if isinstance(member, type) and issubclass(member, mlir.OpView):
            name_of: str | None = getattr(member, "OPERATION_NAME", None)
            if name_of is not None:
                found[name_of] = member
    return found


def sizes_of(draft: Draft, written: Value | None, attribute: Any) -> Sequence[int]:
    """The sizes that ``attribute``, or the vector it was written as, holds."""
    if isinstance(attribute, mlir.DenseI32ArrayAttr | mlir.DenseI64ArrayAttr):
        return list(attribute)
    if isinstance(written, Vector):
        items = [item.value for item in written.items if isinstance(item, Number)]
        if len(items) == len(written.items) and all(isinstance(item, int) for item in items):
            return [int(item) for item in items]
    raise UserError(
        f":{KEY} must be array<i32: ...>, got {attribute}",
        span=(written.span if written is not None else None) or draft.span,
    )


def checked(draft: Draft, sizes: Any, groups: int, operands: int) -> Any:
    """The segment array ``sizes`` that the program wrote, brought to ``groups`` entries.

    Raises UserError when it is of another length, or does not add up to ``operands``.
    """
    given = list(sizes)
    span = draft.key_spans.get(KEY) or draft.span
    if len(given) < groups and draft.name in _GROWN:
        given += [0] * (groups - len(given))
    if len(given) != groups:
        raise UserError(
            f":{KEY} of {draft.name} must have {groups} entries, got {len(given)}", span=span
        )
    if sum(given) != operands or min(given, default=0) < 0:
        raise UserError(
            f":{KEY} of {draft.name} must add up to its {operands} operands, "
            f"got {given}, which adds up to {sum(given)}",
            span=span,
        )
    return mlir.DenseI32ArrayAttr.get(given)


def filled(
    draft: Draft,
    groups: int,
    operands: Sequence[Any],
    lengths: Sequence[int],
    results: Sequence[Any],
    attributes: Mapping[str, Any],
) -> Any:
    """The array of ``groups`` sizes of an operation that the program gave none for.

    ``lengths`` are the numbers of operands that each operand form stands for, ``results`` the
    result types. Raises UserError where the groups are not clear.
    """
    rule = _RULES.get(draft.name)
    sizes = rule(draft, len(operands), results, attributes, groups) if rule is not None else None
    if sizes is None:
        shape = _shape(draft.name)
        if shape is not None:
            sizes = _by_shape(draft.operands, lengths, shape, len(operands))
    if sizes is None:
        raise UserError(
            f"{draft.name} has several groups of operands, and it is not clear which of its "
            f"{len(operands)} operands belong to which",
            span=draft.span,
            hint="write one vector for each group, or "
            f":{KEY} array<i32: ...> with {groups} entries",
        )
    return mlir.DenseI32ArrayAttr.get(sizes)


def _shape(name: str) -> Sequence[int] | None:
    """For each group of the operation: 1 exactly one operand, 0 at most one, -1 any number."""
    view = operations_of(name.partition(".")[0]).get(name)
    shape: Sequence[int] | None = view._ODS_OPERAND_SEGMENTS if view is not None else None
    return shape


def _by_shape(
    forms: list[Value], lengths: Sequence[int], shape: Sequence[int], count: int
) -> list[int] | None:
    if any(isinstance(form, Vector) for form in forms):
        return _by_vectors(forms, lengths, shape)
    least = sum(1 for group in shape if group == 1)
    free = [position for position, group in enumerate(shape) if group != 1]
    if count < least:
        return None
    sizes = [1 if group == 1 else 0 for group in shape]
    if count == least:
        return sizes
    if len(free) == 1 and (shape[free[0]] == -1 or count == least + 1):
        sizes[free[0]] = count - least
        return sizes
    return None


def _by_vectors(
    forms: list[Value], lengths: Sequence[int], shape: Sequence[int]
) -> list[int] | None:
    """Each vector is a group of any number, each other form a group of one, from the left."""
    sizes: list[int] = []
    for form, length in zip(forms, lengths, strict=True):
        group = shape[len(sizes)] if len(sizes) < len(shape) else None
        if group is None or (group == 1 and length != 1) or (group == 0 and length > 1):
            return None
        if group == -1 and not isinstance(form, Vector) and len(forms) != len(shape):
            return None
        sizes.append(length)
    rest = shape[len(sizes) :]
    return None if 1 in rest else sizes + [0] * len(rest)


# A rule for one operation: (draft, operand count, result types, attributes, groups) to the sizes,
# or None where it does not know.
_Rule = Callable[[Draft, int, Sequence[Any], Mapping[str, Any], int], "list[int] | None"]


def _allocation(
    draft: Draft,
    count: int,
    results: Sequence[Any],
    attributes: Mapping[str, Any],
    groups: int,
) -> list[int] | None:
    """As many sizes as the type has ``?``; what is left are symbols of its layout."""
    type_ = results[0] if results else None
    if not isinstance(type_, mlir.MemRefType):
        return None
    sizes = sum(type_.is_dynamic_dim(axis) for axis in range(type_.rank))
    if count < sizes:
        return None
    return [0] * (groups - 2) + [sizes, count - sizes]


def _view(
    draft: Draft,
    count: int,
    results: Sequence[Any],
    attributes: Mapping[str, Any],
    groups: int,
) -> list[int] | None:
    """As many offsets, sizes and strides as their static arrays leave to run time."""
    sizes = [1] * (groups - 3)
    for key in ("static_offsets", "static_sizes", "static_strides"):
        static = attributes.get(key)
        if not isinstance(static, mlir.DenseI64ArrayAttr):
            return None
        sizes.append(sum(entry == mlir.ShapedType.get_dynamic_size() for entry in static))
    return sizes if sum(sizes) == count else None


def _parallel(
    draft: Draft,
    count: int,
    results: Sequence[Any],
    attributes: Mapping[str, Any],
    groups: int,
) -> list[int] | None:
    """As many bounds as the body has arguments; what is left are initial values."""
    blocks = split_blocks(draft.regions[0]) if draft.regions else []
    axes = len(blocks[0].arguments) if blocks else 0
    rest = count - 3 * axes
    return [axes, axes, axes, rest] if axes and rest >= 0 else None


def _launch(
    draft: Draft,
    count: int,
    results: Sequence[Any],
    attributes: Mapping[str, Any],
    groups: int,
) -> list[int] | None:
    """Grid and block sizes: three each."""
    return [0] + [1] * 6 + [0] * (groups - 7) if count == 6 else None


_RULES: dict[str, _Rule] = {
    "gpu.alloc": _allocation,
    "gpu.launch": _launch,
    "memref.alloc": _allocation,
    "memref.alloca": _allocation,
    "memref.reinterpret_cast": _view,
    "memref.subview": _view,
    "scf.parallel": _parallel,
    "tensor.extract_slice": _view,
    "tensor.insert_slice": _view,
}
