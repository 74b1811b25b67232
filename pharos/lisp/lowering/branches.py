"""Branches to labelled blocks (section 6.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.core.errors import UserError
from pharos.ir.bindings import mlir
from pharos.lisp.lowering import segments
from pharos.lisp.lowering.blocks import is_label
from pharos.lisp.lowering.create import build
from pharos.lisp.lowering.draft import Draft
from pharos.lisp.lowering.lowering import Lowering
from pharos.lisp.lowering.regions import block_named
from pharos.lisp.lowering.scope import Env
from pharos.lisp.lowering.tables import operation
from pharos.lisp.values import Symbol, Value

# How many labels each operation takes.
_TARGETS = {"cf.br": 1, "cf.cond_br": 2, "llvm.br": 1, "llvm.cond_br": 2}


@operation(*_TARGETS)
def lower_branch(lowering: Lowering, env: Env, made: Draft) -> Sequence[Any]:
    """``(cf.br ^to x)``, ``(cf.cond_br c ^then x ^else y)``: labels among the operands."""
    before, targets = _split(made.operands)
    wanted = _TARGETS[made.name]
    if len(targets) != wanted:
        raise UserError(
            f"{made.name} needs {wanted} block label{'s' if wanted > 1 else ''}, "
            f"got {len(targets)}",
            span=made.span,
        )
    operands, _ = lowering.operand_values(env, made, before)
    sizes = [len(operands)]
    successors = []
    for label, arguments in targets:
        block = block_named(env, label)
        types = [argument.type for argument in block.arguments]
        values, _ = lowering.operand_values(env, made, arguments, types)
        _check_count(label, types, values)
        operands += values
        sizes.append(len(values))
        successors.append(block)
    # The labels say what a written array says.
    made.take(segments.KEY)
    extra = {segments.KEY: mlir.DenseI32ArrayAttr.get(sizes)} if wanted > 1 else None
    made.operands = []
    build(lowering, env, made, operands, [], extra=extra, successors=successors)
    return ()


def _check_count(label: Symbol, types: list[Any], values: list[Any]) -> None:
    if len(types) != len(values):
        raise UserError(
            f"block {label.text} takes {len(types)} arguments, got {len(values)}", span=label.span
        )


def _split(forms: list[Value]) -> tuple[list[Value], list[tuple[Symbol, list[Value]]]]:
    """The operands before the first label, and each label with those after it."""
    before: list[Value] = []
    targets: list[tuple[Symbol, list[Value]]] = []
    for form in forms:
        if is_label(form):
            assert isinstance(form, Symbol)
            targets.append((form, []))
        elif targets:
            targets[-1][1].append(form)
        else:
            before.append(form)
    return before, targets
