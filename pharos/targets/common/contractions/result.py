"""How the result of a contraction begins and ends: what the first sum is added to, what is done
with the last, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.targets.common.contractions.contraction import Operand


@dataclass(frozen=True)
class Start:
    """What the sums are added to: nothing (``zero``), a ``scalar``, or an ``operand``.

    ``fill`` is the operation that wrote it into the result before, which becomes superfluous;
    None when the result itself is read.
    """

    operand: Operand | None = None
    scalar: Any = None
    fill: Any = None

    @property
    def zero(self) -> bool:
        return self.operand is None and self.scalar is None


@dataclass(frozen=True)
class Finish:
    """An elementwise operation on the complete result, done on each tile before it is stored.

    ``elements`` are the values of the body that stand for the result's element; ``arguments``
    stand for the elements of ``operands``; ``values`` are what the body yields for ``results``.
    ``indices`` are values of the body that number a loop of the contraction, and that loop; None
    for a loop that runs once.
    """

    operation: Any
    elements: tuple[Any, ...]
    arguments: tuple[Any, ...]
    operands: tuple[Operand, ...]
    values: tuple[Any, ...]
    results: tuple[Operand, ...]
    indices: tuple[tuple[Any, int | None], ...] = ()
