"""The pipeline step: contractions become packed kernels, shared by threads.

    linalg.generic {acc + a * b} ins(%a, %b) outs(%c)
      ==>
    parallel: call @pack(lanes, ..., %panels)          // the factor that all threads read
    parallel: call @tiles(lanes, ..., %panels)         // blocks of the other, and the result

What is no contraction, or is too small or too thin to gain from packing, is left for
``vector-loops``. Where sizes are known only at run time, both are emitted behind a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Contraction, read_contraction
from pharos.targets.common.contractions.result import Finish, Start
from pharos.targets.common.contractions.surroundings import (
    captured,
    find_finish,
    find_start,
    listed,
)
from pharos.targets.common.nests import index
from pharos.targets.common.nests.nest import generics, read_nest, trip_count
from pharos.targets.cpu.contractions.ahead import loop_around, with_panels
from pharos.targets.cpu.contractions.direct import DirectPlan, choose, plan_of, read_direct
from pharos.targets.cpu.contractions.direct_launch import DirectLauncher
from pharos.targets.cpu.contractions.flips import through_flips
from pharos.targets.cpu.contractions.launch import Launcher, Written
from pharos.targets.cpu.contractions.overlaps import overlaps
from pharos.targets.cpu.contractions.parameters import Unit, piece_of, split_role, tiles_for
from pharos.targets.cpu.contractions.site import Plan
from pharos.targets.cpu.contractions.thin import of_few_rows
from pharos.targets.cpu.contractions.units import FMA, unit_for

# Thinner than this, a product reads its larger factor about once: vector loops do as well.
_THIN = 4
_SMALL = 4096


@dataclass(frozen=True)
class PackedContractions:
    """Lower contractions on memrefs to packed panels and register tiles.

    ``simd_bits`` and ``registers`` describe the vector unit; ``threads`` is how many share a
    contraction; ``grain`` the number of multiplications below which one does it alone. An
    operation's attribute ``pharos.params`` may set ``mr``, ``nr``, ``mc``, ``nc`` and ``kc``.
    ``bf16_unit`` says what multiplies bf16 into sums of f32: "avx512-bf16" or "amx"; "fma" where
    there is neither.
    """

    name: ClassVar[str] = "packed-contractions"
    simd_bits: int = 256
    registers: int = 16
    threads: int = 1
    grain: int = 32768
    bf16_unit: str = FMA.name

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context, mlir.Location.unknown():
            contractions = list(_contractions(module))
            with listed():
                others = [c for c in contractions if self._direct(c) is None]
            if overlaps(others, self.threads, self.simd_bits, self.grain):
                contractions = list(_contractions(module))
            # All are read before the first is replaced: calls would hide what touches what.
            with listed():
                plans = list(map(self._planned, contractions))
            known = Written()
            for number, (plan, gone) in enumerate(plans):
                self._replace(module, plan, number, known)
                for operation in gone:
                    operation.erase()
        return module

    def _planned(self, contraction: Contraction) -> tuple[Plan, Sequence[Any]]:
        """The plan of ``contraction``, and the operations that nobody needs any more with it."""
        direct = self._direct(contraction)
        if direct is not None:
            return direct, direct.direct.gone
        contraction, gone = through_flips(contraction)
        return self._plan(contraction, find_start(contraction), _finish_of(contraction)), gone

    def _direct(self, contraction: Contraction) -> DirectPlan | None:
        """The plan of a direct convolution, where that is faster. Products have no taps for which
        packing would copy the image again: they are packed."""
        direct = read_direct(contraction) if _window(contraction) else None
        unit = Unit(self.simd_bits, self.registers, self.threads)
        chosen = choose(direct, unit) if direct is not None else None
        return None if direct is None or chosen is None else plan_of(direct, *chosen)

    def _replace(self, module: Any, plan: Plan, number: int, known: Written) -> None:
        contraction, start, finish = plan.contraction, plan.start, plan.finish
        operation = contraction.nest.operation
        others = [o for o in (start.fill, operation, finish and finish.operation) if o is not None]
        name = f"{_owner(operation)}_contraction{number}"
        if plan.loop is not None:
            plan = with_panels(module, plan, name, self.threads, self.grain)
        launcher_for = DirectLauncher if isinstance(plan, DirectPlan) else Launcher
        launcher = launcher_for(module, plan, name, self.threads, self.grain, known)
        with operation.location, mlir.InsertionPoint(operation):
            test = _fits(contraction)
            if test is None:
                launcher.write()
            else:
                _choose(test, launcher.write, others)
        if test is None:
            for other in reversed(others):
                other.erase()

    def _plan(self, contraction: Contraction, start: Start, finish: Finish | None) -> Plan:
        rows, columns, inner = (contraction.extent(r) for r in _roles(contraction))
        vectors = Unit(self.simd_bits, self.registers, self.threads)
        attributes, wanted = contraction.nest.operation.attributes, {}
        if "pharos.params" in attributes:
            wanted = {named.name: named.attr.value for named in attributes["pharos.params"]}
        unit = unit_for(contraction, self.bf16_unit, self.simd_bits)
        bits = contraction.left.element.width
        tiles = tiles_for(unit, bits, (rows, columns, inner), vectors, wanted)
        split = split_role(rows, columns)
        factors = (contraction.left, contraction.right)
        buffers = [operand.buffer for factor in factors for operand in factor.operands]
        values = tuple(dict.fromkeys([*captured(contraction, start, finish), *buffers]))
        extents = (rows, columns, inner)
        piece = None if unit.pairs else piece_of(tiles, bits, extents, split)
        loop = None if unit.pairs else loop_around(contraction)
        return Plan(contraction, tiles, split, start, finish, values, unit, piece, loop)


def _finish_of(contraction: Contraction) -> Finish | None:
    """What follows ``contraction``. It may ask where an element is if that takes no division."""
    roles = contraction.batch, contraction.rows, contraction.columns
    return find_finish(contraction, indices=all(len(loops) <= 1 for loops in roles))


def worthwhile(contraction: Contraction) -> bool:
    """Whether packing can pay: no side is thin, and there is some work."""
    rows, columns, inner = (contraction.extent(r) for r in _roles(contraction))
    thin = [n for n in (rows, columns, inner) if n is not None and n < _THIN]
    sizes = [n for n in (rows, columns, inner) if n is not None]
    if thin and (0 in thin or not _window(contraction) or 1 in thin):
        return False
    if of_few_rows(contraction) and loop_around(contraction) is None:
        return False
    total = contraction.extent(contraction.batch) or 1
    for size in sizes:
        total *= size
    return len(sizes) < 3 or total >= _SMALL


def _window(contraction: Contraction) -> bool:
    """Whether some dimension is reached by a sum of loops: a convolution, slow without vectors."""
    factors = (*contraction.left.operands, *contraction.right.operands)
    return any(len(factor) > 1 for operand in factors for factor in operand.factors)


def _roles(contraction: Contraction) -> tuple[tuple[int, ...], ...]:
    return contraction.rows, contraction.columns, contraction.inner


def _fits(contraction: Contraction) -> Any | None:
    """A test at run time that the sizes suit packing; None when that is known."""
    arith, test = dialect("arith"), None
    if contraction.extent(contraction.batch) is None:
        test = _at_least(contraction, contraction.batch, 1)
    for loops in _roles(contraction):
        if contraction.extent(loops) is None:
            new = _at_least(contraction, loops, _THIN)
            test = new if test is None else arith.andi(test, new)
    return test


def _at_least(contraction: Contraction, loops: tuple[int, ...], least: int) -> Any:
    nest, total = contraction.nest, index.constant(1)
    for loop in loops:
        total = index.mul(total, trip_count(nest, loop, nest.operation.operands))
    arith = dialect("arith")
    return arith.cmpi(arith.CmpIPredicate.sge, total, index.constant(least))


def _choose(test: Any, write: Callable[[], None], others: list[Any]) -> None:
    """``write`` where ``test`` holds, else the operations ``others`` as they were."""
    scf = dialect("scf")
    branch = scf.IfOp(test, has_else=True)
    with mlir.InsertionPoint(branch.then_block):
        write()
        scf.YieldOp([])
    with mlir.InsertionPoint(branch.else_block):
        end = scf.YieldOp([])
    for other in others:
        other.move_before(end.operation)


def _contractions(module: Any) -> Iterator[Contraction]:
    for operation in generics(module):
        nest = read_nest(operation)
        contraction = read_contraction(nest) if nest is not None else None
        if contraction is not None and worthwhile(contraction):
            yield contraction


def _owner(operation: Any) -> str:
    parent = operation.parent
    while parent is not None and parent.name != "func.func":
        parent = parent.parent
    return str(parent.attributes["sym_name"].value) if parent is not None else "kernel"
