"""Which tiles of a result anybody keeps: what follows a product may put zeros over half of it.

    y = select(column - row <= 0, sum, 0)                // torch.tril(a @ b)

A tile in which the condition holds nowhere need not be computed. That is exact: what is selected
instead does not depend on the sums, not even where they are NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Contraction
from pharos.targets.common.contractions.result import Finish
from pharos.targets.common.nests import index

_PREDICATES = {2: "slt", 3: "sle", 4: "sgt", 5: "sge"}
_OPPOSITE = {"slt": "sge", "sle": "sgt", "sgt": "sle", "sge": "slt"}
_LARGEST = 2**40  # of constants, so that sums with sizes of memory stay in 64 bits


@dataclass(frozen=True)
class Kept:
    """Elements with ``predicate(by_row * row + by_column * column + constant, 0)``."""

    by_row: int
    by_column: int
    constant: int
    predicate: str

    def any_in(self, row: Any, column: Any, rows: int, columns: int) -> Any:
        """Whether the tile of ``rows`` x ``columns`` from ``row`` and ``column`` has such elements:
        whether the corner has one where the sum is largest, or smallest."""
        largest = self.predicate in ("sgt", "sge")
        total = index.constant(self.constant)
        sides = (self.by_row, row, rows), (self.by_column, column, columns)
        for times, first, count in sides:
            last = index.add(first, index.constant(count - 1))
            at = last if (times > 0) == largest else first
            total = index.add(total, index.mul(at, index.constant(times)))
        arith = dialect("arith")
        predicate = getattr(arith.CmpIPredicate, self.predicate)
        return arith.cmpi(predicate, total, index.constant(0))


def read_kept(contraction: Contraction, finish: Finish | None) -> Kept | None:
    """The elements of the result whose sums matter; None when all may, or it is not known."""
    if finish is None:
        return None
    uses = [use for value in finish.elements for use in value.uses]
    found = {_condition(use) for use in uses}
    if len(found) != 1 or None in found:
        return None
    (one,) = found
    assert one is not None
    condition, chosen = one
    return _linear_condition(condition, chosen, _roles(contraction, finish))


def _condition(use: Any) -> tuple[Any, bool] | None:
    """The condition of the select that uses a sum, and whether it takes the sum where it holds."""
    user = use.owner.operation
    if user.name != "arith.select" or use.operand_number == 0:
        return None
    return user.operands[0], use.operand_number == 1


def _roles(contraction: Contraction, finish: Finish) -> dict[Any, tuple[int, int]]:
    """For each number of a loop in the body of ``finish``, the factors of row and column in it."""
    found = {}
    for value, loop in finish.indices:
        if loop is None:
            found[value] = (0, 0)
        elif (loop,) == contraction.rows:
            found[value] = (1, 0)
        elif (loop,) == contraction.columns:
            found[value] = (0, 1)
    return found


def _linear_condition(
    condition: Any, chosen: bool, roles: dict[Any, tuple[int, int]]
) -> Kept | None:
    owner = condition.owner
    if isinstance(owner, mlir.Block) or owner.name != "arith.cmpi":
        return None
    predicate = _PREDICATES.get(owner.attributes["predicate"].value)
    left, right = (_linear(value, roles) for value in owner.operands)
    if predicate is None or left is None or right is None:
        return None
    by_row, by_column, constant = (a - b for a, b in zip(left, right, strict=True))
    if max(abs(by_row), abs(by_column)) > 1 or abs(constant) > _LARGEST:
        return None
    return Kept(by_row, by_column, constant, predicate if chosen else _OPPOSITE[predicate])


def _linear(value: Any, roles: dict[Any, tuple[int, int]]) -> tuple[int, int, int] | None:
    """The factors of row and column in ``value``, and the constant; None when it is not linear."""
    if value in roles:
        return (*roles[value], 0)
    owner = value.owner
    if isinstance(owner, mlir.Block) or str(value.type) not in ("i64", "index"):
        return None
    if owner.name == "arith.constant":
        return 0, 0, int(owner.attributes["value"].value)
    if owner.name == "arith.index_cast":
        return _linear(owner.operands[0], roles)
    if owner.name in ("arith.addi", "arith.subi"):
        parts = [_linear(operand, roles) for operand in owner.operands]
        if None in parts:
            return None
        sign = 1 if owner.name == "arith.addi" else -1
        first, second = parts
        assert first is not None and second is not None
        a, b, c = (x + sign * y for x, y in zip(first, second, strict=True))
        return a, b, c
    return None
