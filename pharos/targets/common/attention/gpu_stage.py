"""Attentions of a module become kernels, before any other kernel stage sees them.

linalg.generic {softmax_weighted_sum(score(q * k), v)} (%q, %k, %v, %o)
  ==>   gpu.launch_func @kernels::@main_attention_0 ...            // and, with splits, a second one
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pharos.core.errors import UserError
from pharos.ir import CompileError, span_of
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention import gpu_merge
from pharos.targets.common.attention.gpu_ending import STATISTICS, Partial
from pharos.targets.common.attention.gpu_kernel import KernelWriter
from pharos.targets.common.attention.gpu_plan import (
    AttentionPlan,
    HeadLayouts,
    head_sizes,
    packed_loops,
)
from pharos.targets.common.attention.gpu_tiles import (
    AttentionTiles,
    HeadSizes,
    HeadUnit,
    Limits,
    default_tiles,
    problems,
)
from pharos.targets.common.attention.site import SINK, AttentionSite, attention_sites
from pharos.targets.common.contractions.gpu_plan import AsyncCopies
from pharos.targets.common.gpu.kernels import launched
from pharos.targets.common.loops.body import is_constant

Choose = Callable[[AttentionSite], AttentionPlan]
"""The plan for an attention: the target's units, its parameters and those of the operation."""


def replace_attentions(module: Any, choose: Choose) -> None:
    """Replace every attention of ``module`` by its kernels.

    CompileError at one whose parameters break a constraint, or that ``why_not`` refuses.
    """
    with module.context, mlir.Location.unknown():
        sites = list(attention_sites(module))
        plans = [_planned(site, choose) for site in sites]
        for plan in plans:
            _write(plan)
            plan.site.operation.erase()
        _forget_sinks(module)


def why_not(site: AttentionSite) -> str | None:
    """Why no kernel can be written for ``site``; None when one can."""
    if not site.static:
        return "its sizes are known only at run time"
    if any(operand.stride(loop) is None for operand in site.operands for loop in operand.loops):
        return "its strides are known only at run time"
    types = {operand.dtype for operand in (site.q, site.k, site.v)}
    if len(types) > 1:
        return f"queries, keys and values have several types, {', '.join(sorted(types))}"
    return None


def default_plan(
    site: AttentionSite,
    unit: HeadUnit,
    limits: Limits,
    layouts: Callable[[str, AttentionTiles, HeadSizes], HeadLayouts],
    copies: AsyncCopies | None = None,
) -> AttentionPlan:
    """The plan for ``site``: its own parameters, and for those that it has not, simple ones.

    ``layouts`` gives the units for an element type, tiles and sizes.
    """
    packed = packed_loops(site, unit)
    sizes = head_sizes(site, packed)
    tiles = default_tiles(sizes, unit, limits).overridden(site.params)
    return AttentionPlan(
        site=site,
        tiles=tiles,
        layouts=layouts(site.q.dtype, tiles, sizes),
        limits=limits,
        packed=packed,
        copies=copies,
    )


def _planned(site: AttentionSite, choose: Choose) -> AttentionPlan:
    reason = why_not(site)
    if reason is not None:
        raise _refused(site, reason, "give the payload static shapes and one element type")
    plan = choose(site)
    reasons = problems(plan.tiles, plan.sizes, plan.layouts.numbers, plan.limits)
    if reasons:
        hint = "leave the parameters out: a selector finds some for every size"
        raise _refused(site, "; ".join(reasons), hint)
    return plan


def _refused(site: AttentionSite, reason: str, hint: str) -> UserError:
    operation = site.operation
    error = CompileError(
        f"no kernel can compute this attention: {reason}",
        span=span_of(operation.location),
        hint=hint,
    )
    error.operation = operation.name
    return error


def _write(plan: AttentionPlan) -> None:
    site = plan.site
    operation, name = site.operation, _name(site.operation)
    arrays = [operand.buffer for operand in site.operands]
    outside = [value for value in site.score.outside if not is_constant(value)]
    scratch = _scratch(plan)
    passed = list(dict.fromkeys([*arrays, *outside, *scratch]))
    with launched(
        operation,
        name,
        passed,
        grid=[plan.sizes.batch * plan.blocks_of_rows * plan.tiles.splits],
        block=[plan.threads],
        dynamic_shared=plan.shared_bytes,
    ) as kernel:
        known = dict(zip(passed, kernel.arguments, strict=True))
        partial = Partial(*(known[value] for value in scratch)) if scratch else None
        KernelWriter(plan, [known[array] for array in arrays], known, partial).write()
    if scratch:
        _merge(plan, name, site.out.buffer, scratch)


def _merge(plan: AttentionPlan, name: str, out: Any, scratch: list[Any]) -> None:
    with launched(
        plan.site.operation,
        f"{name}_merge",
        [out, *scratch],
        grid=[gpu_merge.grid(plan)],
        block=[gpu_merge.WORK_ITEMS],
    ) as kernel:
        inside, *parts = kernel.arguments
        gpu_merge.write_merge(plan, inside, Partial(*parts))


def _scratch(plan: AttentionPlan) -> list[Any]:
    """Buffers for what splits leave, made before the attention."""
    if plan.tiles.splits == 1:
        return []
    operation, sizes = plan.site.operation, plan.sizes
    rows = plan.tiles.splits * sizes.batch * sizes.rows
    with operation.location, mlir.InsertionPoint(operation):
        types = [
            mlir.MemRefType.get([rows * n], mlir.F32Type.get()) for n in (sizes.dv, STATISTICS)
        ]
        return [dialect("memref").alloc(type_, [], []) for type_ in types]


def _forget_sinks(module: Any) -> None:
    """Erase the declarations that the bodies of attentions called."""
    for operation in list(module.body.operations):
        attributes = operation.operation.attributes
        if operation.operation.name == "func.func" and attributes["sym_name"].value.startswith(
            SINK
        ):
            operation.operation.erase()


def _name(operation: Any) -> str:
    parent = operation.operation.parent
    while parent is not None and parent.name != "func.func":
        parent = parent.parent
    owner = str(parent.attributes["sym_name"].value) if parent is not None else "kernel"
    return f"{owner}_attention"
