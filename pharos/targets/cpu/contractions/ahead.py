"""Factors that a loop does not change are packed once, before it.

    for t { y[t] = x[t] * w }   ==>   pack w;  for t { y[t] = x[t] * panels of w }

The weights of a recurrent layer: a step has few rows, and packing would read, transpose and write
each weight to use it for those. Products of few rows are vector loops elsewhere (``thin``), whose
sums go along the steps; of panels they are done like any other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pharos.ir import operations
from pharos.ir.bindings import mlir
from pharos.targets.common.contractions.contraction import Contraction, Factor, Operand
from pharos.targets.common.contractions.surroundings import may_write
from pharos.targets.common.nests import index
from pharos.targets.common.nests.memory import pure
from pharos.targets.common.nests.sharing import behind, may_share
from pharos.targets.cpu.contractions.kernel import pack_whole, padded, side
from pharos.targets.cpu.contractions.parameters import split_role
from pharos.targets.cpu.contractions.places import evenly
from pharos.targets.cpu.contractions.site import Plan, Site, allocate, free
from pharos.targets.cpu.kernels import call, row, row_type, write_function
from pharos.targets.cpu.threads import each_thread, shared_already

# Reading, freeing, and structure: what is done in its regions is looked at by itself.
_HARMLESS = frozenset(
    {
        "scf.for",
        "scf.if",
        "scf.yield",
        "memref.load",
        "memref.dealloc",
        "memref.extract_strided_metadata",
        "memref.extract_aligned_pointer_as_index",
    }
)
_ARRAYS = (mlir.MemRefType, mlir.UnrankedMemRefType)
# Their operations reach arrays by their names alone.
_ARRAY_DIALECTS = frozenset(
    {"affine", "arith", "index", "linalg", "math", "memref", "scf", "vector"}
)


def loop_around(contraction: Contraction) -> Any | None:
    """The outermost loop that does not change the factor which is cut over threads; None where
    there is none, or the factor is no array as it is, or sizes are not known."""
    sizes = contraction.sizes
    if None in sizes or contraction.extent(contraction.batch) != 1:
        return None
    operand = _plain(_cut(contraction))
    roles = contraction.rows, contraction.columns, contraction.inner
    if operand is None or not all(evenly(operand, loops, sizes) for loops in roles):
        return None
    found, parent = None, contraction.nest.operation.operation.parent
    # What is done on a condition may read an array that is there on that condition only.
    while parent is not None and parent.name == "scf.for":
        if _inside(operand.buffer, parent) or _changes(parent, operand.buffer):
            break
        found, parent = parent, parent.parent
    return found


def with_panels(module: Any, plan: Plan, name: str, threads: int, grain: int) -> Plan:
    """``plan`` with panels of the factor that ``plan.loop`` does not change: they are made before
    the loop, by as many ``threads`` as ``grain`` allows, and freed after it."""
    loop, panel = plan.loop, side(plan, plan.split)[1]
    operand = _plain(side(plan, plan.split)[0])
    assert operand is not None, "else there is no such loop"
    array = operand.buffer

    def site(source: Any) -> Site:
        # Nobody asks for the other operands: all sizes are known.
        return Site(plan, [source if value == array else None for value in plan.values])

    def build(parameters: list[Any]) -> None:
        low, high, source, target = parameters
        pack_whole(site(source), plan.split, (low, high), index.constant(0), target)

    index_, element = mlir.IndexType.get(), plan.panel_element
    types = [index_, index_, array.type, row_type(element)]
    made = write_function(module, f"{name}_ahead", types, build)
    with mlir.InsertionPoint(loop), loop.location:
        whole = site(array)
        lanes, steps = whole.count(plan.split), whole.steps()
        buffer = allocate(element, index.mul(padded(whole, plan.split), steps))
        panels = row(buffer)

        def part(low: Any, high: Any) -> None:
            call(made.name.value, [low, high, array, panels])

        work = index.known(index.mul(lanes, steps)) or 0
        if threads == 1 or work < grain or shared_already(loop):
            part(index.constant(0), lanes)
        else:
            each_thread(lanes, panel, threads, part)
    with mlir.InsertionPoint.after(loop), loop.location:
        free([buffer])
    return replace(plan, panels=panels, values=(*plan.values, panels))


def _cut(contraction: Contraction) -> Factor:
    """The factor whose lanes are cut over threads."""
    rows, columns = (contraction.extent(r) for r in (contraction.rows, contraction.columns))
    return contraction.left if split_role(rows, columns) == "rows" else contraction.right


def _plain(factor: Factor) -> Operand | None:
    """The operand that ``factor`` is, as it lies in memory; None where it is computed."""
    if len(factor.operands) != 1 or factor.value != factor.arguments[0]:
        return None
    return factor.operands[0]


def _inside(array: Any, loop: Any) -> bool:
    """Whether ``array`` comes from within ``loop``."""
    owner = array.owner
    parent = owner.owner.operation if isinstance(owner, mlir.Block) else owner.operation
    while parent is not None and parent != loop:
        parent = parent.parent
    return parent is not None


def _changes(loop: Any, array: Any) -> bool:
    """Whether something in ``loop`` may write ``array``. To free it in a turn that is not the last
    would be an error of the program."""
    return any(_writes(one, array) for one in operations(loop) if one.name not in _HARMLESS)


def _writes(operation: Any, array: Any) -> bool:
    if operation.name == "memref.copy":
        return may_share(array, operation.operands[1])
    if operation.name == "func.call" and not _is_global(array) and _writes_its_arguments(operation):
        return any(isinstance(v.type, _ARRAYS) and may_share(array, v) for v in operation.operands)
    return not pure(operation) and may_write(operation, array)


def _writes_its_arguments(call: Any) -> bool:
    """Whether what ``call`` calls is known, and reaches no other arrays than those it is given,
    its own, and globals: neither by an address nor in a function that it calls."""
    module = call
    while module.parent is not None:
        module = module.parent
    callee = mlir.SymbolTable(module)[call.attributes["callee"].value]
    if not callee.operation.regions[0].blocks:
        return False
    return all(
        one.name.split(".")[0] in _ARRAY_DIALECTS or one.name in ("func.func", "func.return")
        for one in operations(callee)
    )


def _is_global(array: Any) -> bool:
    memory = behind(array)
    return memory is None or not isinstance(memory.owner, mlir.Block)
