"""PTX of LLVM IR text, by LLVM's back end in llvmlite."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import llvmlite.binding as llvm

from pharos.core.errors import InternalError
from pharos.targets.common.gpu.downgrade import without_places
from pharos.targets.common.gpu.kind import Generated
from pharos.targets.nvidia import ptxas
from pharos.targets.nvidia.facts import NvidiaFacts

TRIPLE = "nvptx64-nvidia-cuda"


def generate(text: str, facts: NvidiaFacts) -> Generated:
    """PTX for the chip of ``facts``. May end the process where LLVM cannot go on."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(
        cpu=facts.chip, features=f"+ptx{facts.ptx}", opt=3
    )
    module = llvm.parse_assembly(without_places(text))
    module.triple, module.data_layout = TRIPLE, str(machine.target_data)
    module.verify()
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    ptx = machine.emit_assembly(module)
    if ".extern .func" in ptx:
        called = [line for line in ptx.splitlines() if ".extern .func" in line]
        raise InternalError(f"the PTX calls functions that it lacks: {'; '.join(called)}")
    return Generated(ptx.encode(), ptx, _report(ptx, facts))


def _report(ptx: str, facts: NvidiaFacts) -> dict[str, Any]:
    """What ptxas tells of each kernel; nothing where there is no ptxas."""
    if ptxas.find() is None:
        return {}
    return {name: asdict(needs) for name, needs in ptxas.assemble(ptx, facts.chip).items()}
