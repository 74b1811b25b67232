"""Threads that share one loop wait for each other once.

    omp.parallel { omp.wsloop { ... } omp.terminator }
    ==>  omp.parallel { omp.wsloop nowait { ... } omp.terminator }

A shared loop ends with a barrier, and so does the parallel region around it. Where nothing follows
the loop in its region, the region's is enough. On two cores a barrier takes about 10 us.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import mlir


@dataclass(frozen=True)
class OneBarrier:
    """``omp.wsloop`` at the end of ``omp.parallel``  ==>  one with ``nowait``."""

    name: ClassVar[str] = "one-barrier"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            for loop in operations(module, "omp.wsloop"):
                if loop.parent.name == "omp.parallel" and _is_last(loop) and not _sums(loop):
                    loop.attributes["nowait"] = mlir.UnitAttr.get()
        return module


def _sums(loop: Any) -> bool:
    """Whether its threads add up: they wait for each other to do so."""
    return "reduction_syms" in loop.attributes


def _is_last(loop: Any) -> bool:
    *_, last, _terminator = loop.block.operations
    return bool(last.operation == loop)
