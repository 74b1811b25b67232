"""The composition root: which front ends, targets, stages and pipelines there are, and the road.

    source -> payload -> pipeline -> stages -> artifact -> device

Everything here is wiring: tables of names (``tables``), and the order of the calls (``road``; read
``build`` first). Heavy parts (MLIR, a target) are imported when they are needed, so that fetching
code from the cache needs neither.
"""

from pharos.toolchain.front_ends import (
    lisp_payload,
    mlir_payload,
    of_program,
    read_payload,
    torch_payload,
)
from pharos.toolchain.macros import macro_engine
from pharos.toolchain.plans import plan, settled, stage_of
from pharos.toolchain.records import CODE_GENERATION, FRONT_END, Built, Payload, Request, Watch
from pharos.toolchain.remembered import forget, recall, remember
from pharos.toolchain.road import build, cached, compile, load, lower, run_main
from pharos.toolchain.tables import SELECTORS, STAGES, TARGETS, detected, registry, target

__all__ = [
    "CODE_GENERATION",
    "FRONT_END",
    "SELECTORS",
    "STAGES",
    "TARGETS",
    "Built",
    "Payload",
    "Request",
    "Watch",
    "build",
    "cached",
    "compile",
    "detected",
    "forget",
    "lisp_payload",
    "load",
    "lower",
    "macro_engine",
    "mlir_payload",
    "of_program",
    "plan",
    "read_payload",
    "recall",
    "registry",
    "remember",
    "run_main",
    "settled",
    "stage_of",
    "target",
    "torch_payload",
]
