"""The composition root: which front ends, targets, stages and pipelines there are, and the road.

    source -> payload -> pipeline -> stages -> artifact -> device

Everything here is wiring: tables of names (``tables``), and the order of the calls (``road``; read
``build`` first). Heavy parts (MLIR, a target) are imported when they are needed, so that fetching
code from the cache needs neither.
"""

from pharos.toolchain.front_ends import (
    builder_payload,
    lisp_payload,
    mlir_payload,
    of_program,
    read_payload,
    read_problem,
    torch_payload,
)
from pharos.toolchain.keys import device_of, versions
from pharos.toolchain.macros import macro_engine
from pharos.toolchain.motifs import database
from pharos.toolchain.plan_files import plan_from_yaml, read_plan
from pharos.toolchain.planned import Planned
from pharos.toolchain.plans import plan, settled, stage_of
from pharos.toolchain.records import (
    CODE_GENERATION,
    FRONT_END,
    MEASURED,
    PLAN,
    Built,
    Payload,
    Plan,
    Request,
    TorchProblem,
    Watch,
)
from pharos.toolchain.remembered import forget, recall, remember
from pharos.toolchain.road import build, cached, compile, load, lower, make_plan, run_main
from pharos.toolchain.tables import (
    SELECTORS,
    STAGES,
    TARGETS,
    detected,
    for_program,
    registry,
    simulated,
    target,
)

__all__ = [
    "CODE_GENERATION",
    "FRONT_END",
    "MEASURED",
    "PLAN",
    "SELECTORS",
    "STAGES",
    "TARGETS",
    "Built",
    "Payload",
    "Plan",
    "Planned",
    "Request",
    "TorchProblem",
    "Watch",
    "build",
    "builder_payload",
    "cached",
    "compile",
    "database",
    "detected",
    "device_of",
    "for_program",
    "forget",
    "lisp_payload",
    "load",
    "lower",
    "macro_engine",
    "make_plan",
    "mlir_payload",
    "of_program",
    "plan",
    "plan_from_yaml",
    "read_payload",
    "read_plan",
    "read_problem",
    "recall",
    "registry",
    "remember",
    "run_main",
    "settled",
    "simulated",
    "stage_of",
    "target",
    "torch_payload",
    "versions",
]
