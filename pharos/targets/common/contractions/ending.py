"""From sums to memory: what they are added to, the operation that follows, the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Operand
from pharos.targets.common.contractions.gpu_plan import operand_vector
from pharos.targets.common.contractions.gpu_site import GpuSite
from pharos.targets.common.contractions.unit import Run
from pharos.targets.common.contractions.walk import walks
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast, evaluate


@dataclass(frozen=True)
class Spot:
    """``length`` neighbouring elements of the result: a row, and columns from ``column`` on."""

    row: Any
    column: Any
    length: int


class Ending:
    """Writes the pieces of a subgroup whose first element is at ``row`` and ``column``."""

    def __init__(self, site: GpuSite, row: Any, column: Any, lane: Any) -> None:
        self.site, self.row, self.column = site, row, column
        self.runs = site.plan.unit.runs(lane)

    def write(self, pieces: Mapping[tuple[int, int], Sequence[Any]]) -> None:
        """Finish and store ``pieces``, the sums by position in the subgroup's part."""
        unit = self.site.plan.unit
        for (i, j), sums in pieces.items():
            row = index.add(self.row, index.constant(i * unit.rows))
            column = index.add(self.column, index.constant(j * unit.columns))
            for run, values in zip(self.runs, unit.values(sums), strict=True):
                self._run(run, values, index.add(row, run.row), index.add(column, run.column))

    def _run(self, run: Run, values: Sequence[Any], row: Any, column: Any) -> None:
        """One run, in one vector, or one by one where it may end outside."""
        length = run.length
        if self.site.plan.extent("columns") % length:
            length = 1
        for first in range(0, run.length, length):
            own = list(values[first : first + length])
            spot = Spot(row, index.add(column, index.constant(first)), length)
            self._guarded(own, spot)

    def _guarded(self, values: list[Any], spot: Spot) -> None:
        inside = self._inside(spot)
        if inside is None:
            self._complete(values, spot)
            return
        scf = dialect("scf")
        branch = scf.IfOp(inside)
        with mlir.InsertionPoint(branch.then_block):
            self._complete(values, spot)
            scf.YieldOp([])

    def _inside(self, spot: Spot) -> Any | None:
        """Whether ``spot`` is in the result; None when it always is."""
        arith, plan = dialect("arith"), self.site.plan
        found = None
        for role, at, block in (
            ("rows", spot.row, plan.tiles.block_m),
            ("columns", spot.column, plan.tiles.block_n),
        ):
            limit = plan.extent(role)
            if limit % block:
                one = arith.cmpi(arith.CmpIPredicate.ult, at, index.constant(limit))
                found = one if found is None else arith.andi(found, one)
        return found

    def _complete(self, values: list[Any], spot: Spot) -> None:
        plan = self.site.plan
        contraction, start, finish = plan.contraction, plan.start, plan.finish
        value = self._packed(values)
        if start.operand is not None:
            value = self._added(value, self._read(start.operand, spot))
        elif start.scalar is not None:
            value = self._added(value, evaluate(start.scalar, self.site.known, spot.length))
        value = _converted(value, contraction.result.type.element_type)
        if finish is None:
            self._write(contraction.result, spot, value)
            return
        known = {**self.site.known, **dict.fromkeys(finish.elements, value)}
        for argument, operand in zip(finish.arguments, finish.operands, strict=True):
            known[argument] = self._read(operand, spot)
        for wanted, operand in zip(finish.values, finish.results, strict=True):
            self._write(operand, spot, evaluate(wanted, known, spot.length))

    def _packed(self, values: list[Any]) -> Any:
        if len(values) == 1:
            return values[0]
        type_ = mlir.VectorType.get([len(values)], values[0].type)
        return dialect("vector").from_elements(type_, values)

    def _added(self, value: Any, before: Any) -> Any:
        """``before``, in the result's type, plus the sums ``value``."""
        arith = dialect("arith")
        element = value.type.element_type if _is_vector(value) else value.type
        before = _converted(before, element)
        if _is_vector(value):
            before = broadcast(before, value.type.shape[0])
        whole = isinstance(element, mlir.IntegerType)
        return arith.addi(value, before) if whole else arith.addf(value, before)

    def _at(self, operand: Operand, row: Any, column: Any) -> Any:
        of = walks(self.site.plan.contraction, operand)
        at = index.add(self.site.origin(operand), of["rows"].at(row))
        return index.add(at, of["columns"].at(column))

    def _together(self, operand: Operand, length: int) -> bool:
        """Whether ``length`` neighbours of a row are one aligned vector in memory."""
        return operand_vector(self.site.plan.contraction, operand, "columns") >= length

    def _read(self, operand: Operand, spot: Spot) -> Any:
        """The elements of ``operand`` for ``spot``: a vector, or one for all of it."""
        memref, flat = dialect("memref"), self.site.flat(operand)
        still = not walks(self.site.plan.contraction, operand)["columns"].digits
        if spot.length == 1 or still:
            return memref.load(flat, [self._at(operand, spot.row, spot.column)])
        element = operand.type.element_type
        type_ = mlir.VectorType.get([spot.length], element)
        if self._together(operand, spot.length):
            at = [self._at(operand, spot.row, spot.column)]
            return dialect("vector").load(type_, flat, at, alignment=_bytes(type_))
        values = [memref.load(flat, [at]) for at in self._each(operand, spot)]
        return dialect("vector").from_elements(type_, values)

    def _write(self, operand: Operand, spot: Spot, value: Any) -> None:
        flat = self.site.flat(operand)
        if spot.length == 1:
            at = [self._at(operand, spot.row, spot.column)]
            dialect("memref").store(value, flat, at)
            return
        value = broadcast(value, spot.length)
        if self._together(operand, spot.length):
            at = [self._at(operand, spot.row, spot.column)]
            dialect("vector").store(value, flat, at, alignment=_bytes(value.type))
            return
        for number, where in enumerate(self._each(operand, spot)):
            one = dialect("vector").extract(value, dynamic_position=[], static_position=[number])
            dialect("memref").store(one, flat, [where])

    def _each(self, operand: Operand, spot: Spot) -> list[Any]:
        """The offsets of the elements one by one."""
        columns = [index.add(spot.column, index.constant(i)) for i in range(spot.length)]
        return [self._at(operand, spot.row, column) for column in columns]


def _is_vector(value: Any) -> bool:
    return isinstance(value.type, mlir.VectorType)


def _bytes(type_: Any) -> int:
    size: int = type_.shape[0] * max(8, type_.element_type.width) // 8
    return size


def _converted(value: Any, element: Any) -> Any:
    """``value`` (a float or vector of floats) as ``element``; integers are what they are."""
    own = value.type.element_type if _is_vector(value) else value.type
    if own == element:
        return value
    type_ = mlir.VectorType.get(value.type.shape, element) if _is_vector(value) else element
    arith = dialect("arith")
    return arith.extf(type_, value) if own.width < element.width else arith.truncf(type_, value)
