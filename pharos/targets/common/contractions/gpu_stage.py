"""Contractions of a module become kernels, each with the fill before it and what follows it.

linalg.fill(%zero, %c)                          gpu.launch_func @kernels::@main_matmul_0
linalg.generic {acc + a * b} (%a, %b, %c)  ==>    args(%a, %b, %c, %bias)
linalg.generic {max(c + bias, 0)} (%c, %bias)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pharos.core.errors import UserError
from pharos.ir import PARAMETERS, CompileError, span_of
from pharos.ir.bindings import mlir
from pharos.targets.common.contractions.contraction import Contraction, is_known, read_contraction
from pharos.targets.common.contractions.gpu_kernel import write_kernel
from pharos.targets.common.contractions.gpu_plan import AsyncCopies, GpuPlan, KernelPlan, make_side
from pharos.targets.common.contractions.surroundings import captured, find_finish, find_start
from pharos.targets.common.contractions.tiles import Tiles
from pharos.targets.common.contractions.unit import LEFT, RIGHT, MatrixUnit
from pharos.targets.common.nests.nest import generics, read_nest

Writer = Callable[[Any, str], None]
"""Writes the kernel of a plan, whose name begins with the text."""

Special = Callable[[Contraction], "tuple[KernelPlan, Writer] | None"]
"""A vendor's own kernel for a contraction, and what writes it; None where it has none."""

Choose = Callable[[Contraction, Mapping[str, int]], "tuple[MatrixUnit, Tiles] | None"]
"""The unit and the tiles for a contraction, its own parameters first; None to leave it alone."""


def replace_contractions(
    module: Any,
    choose: Choose,
    *,
    copies: AsyncCopies | None = None,
    most_shared: int,
    special: Special = lambda contraction: None,
) -> None:
    """Replace every contraction of known sizes for which ``choose`` finds tiles by a kernel.

    A kernel may have ``most_shared`` bytes of workgroup memory. CompileError at the contraction
    whose tiles need more. ``special`` is asked first.
    """
    with module.context, mlir.Location.unknown():
        # All are read before the first is replaced: launches would hide what touches what.
        found: list[tuple[KernelPlan, Writer]] = []
        for contraction in contractions(module):
            own = special(contraction)
            plan = make_plan(contraction, choose, copies) if own is None else None
            if plan is not None:
                _check(plan, most_shared)
            found += [own] if own else [(plan, write_kernel)] if plan else []
        for made, write in found:
            write(made, _name(made.contraction.nest.operation))
            erase(made)


def contractions(module: Any) -> Iterator[Contraction]:
    """The contractions of ``module`` whose sizes and strides are all known."""
    for operation in generics(module):
        nest = read_nest(operation)
        contraction = read_contraction(nest) if nest is not None else None
        if contraction is not None and _all_known(contraction):
            yield contraction


def make_plan(
    contraction: Contraction, choose: Choose, copies: AsyncCopies | None
) -> GpuPlan | None:
    """All decisions for ``contraction``; None when it is left alone."""
    chosen = choose(contraction, wanted(contraction))
    if chosen is None:
        return None
    unit, tiles = chosen
    start, finish = find_start(contraction), find_finish(contraction)
    return GpuPlan(
        contraction=contraction,
        start=start,
        finish=finish,
        values=captured(contraction, start, finish),
        unit=unit,
        tiles=tiles,
        left=make_side(contraction, LEFT, unit, tiles),
        right=make_side(contraction, RIGHT, unit, tiles),
        copies=copies,
    )


def wanted(contraction: Contraction) -> Mapping[str, int]:
    """The parameters that a selector or the user gave the contraction."""
    attributes = contraction.nest.operation.attributes
    if PARAMETERS not in attributes:
        return {}
    return {named.name: named.attr.value for named in attributes[PARAMETERS]}


def erase(plan: KernelPlan) -> None:
    """Erase the operations that the kernel of ``plan`` does."""
    if plan.finish is not None:
        plan.finish.operation.erase()
    plan.contraction.nest.operation.erase()
    if plan.start.fill is not None:
        plan.start.fill.erase()


def refused(contraction: Contraction, reasons: list[str]) -> UserError:
    """The error at ``contraction`` whose parameters break constraints."""
    operation = contraction.nest.operation
    error = CompileError(
        "no kernel can have these tiles: " + "; ".join(reasons),
        span=span_of(operation.location),
        hint="leave the parameters out: a selector finds some for every size",
    )
    error.operation = operation.name
    return error


def _check(plan: GpuPlan, most_shared: int) -> None:
    if plan.shared_bytes > most_shared:
        reason = f"they need {plan.shared_bytes} bytes of shared memory of {most_shared}"
        raise refused(plan.contraction, [reason])


def _all_known(contraction: Contraction) -> bool:
    types = [mlir.MemRefType(v.type) for v in contraction.nest.operation.operands]
    if any(size is None for size in contraction.sizes):
        return False
    return all(
        t.has_static_shape and all(map(is_known, t.get_strides_and_offset()[0])) for t in types
    )


def _name(operation: Any) -> str:
    parent = operation.operation.parent
    while parent is not None and parent.name != "func.func":
        parent = parent.parent
    owner = str(parent.attributes["sym_name"].value) if parent is not None else "kernel"
    return f"{owner}_contraction"
