"""A code object of LLVM IR text: by LLVM's back end in llvmlite and ``code_object``'s linker."""

from __future__ import annotations

import re

import llvmlite.binding as llvm

from pharos.core.errors import InternalError
from pharos.targets.amd.code_object import check, link
from pharos.targets.amd.code_object.metadata import kernels
from pharos.targets.amd.facts import AmdFacts
from pharos.targets.common.gpu.downgrade import without_places
from pharos.targets.common.gpu.kind import Generated

TRIPLE = "amdgcn-amd-amdhsa"
# LLVM 24 has no value for this attribute; in LLVM 22 one without a value says nothing.
_UNIFORM = re.compile(r'"uniform-work-group-size"(?!=)')
_TRAP = re.compile(r"\bcall void @llvm\.trap\(\)")
# For gfx1100, where s_trap may do nothing, LLVM writes instructions that do the same; one of them
# does not exist, and printing it ends the process. This says them in LLVM IR: tell the driver that
# the queue is to be aborted (LLVM, SIInstrInfo::insertSimulatedTrap), and stop.
_ABORT = "pharos.abort.queue"
_ABORT_TEXT = f"""
define internal void @{_ABORT}() alwaysinline {{
  %doorbell = call i32 @llvm.amdgcn.s.sendmsg.rtn.i32(i32 128)
  %queue = and i32 %doorbell, 1023
  %abort = or i32 %queue, 1024
  call void @llvm.amdgcn.s.sendmsg(i32 1, i32 %abort)
  call void @llvm.amdgcn.s.sethalt(i32 5)
  call void @llvm.amdgcn.endpgm()
  ret void
}}
declare i32 @llvm.amdgcn.s.sendmsg.rtn.i32(i32)
declare void @llvm.amdgcn.s.sendmsg(i32, i32)
declare void @llvm.amdgcn.s.sethalt(i32)
declare void @llvm.amdgcn.endpgm()
"""


def generate(text: str, facts: AmdFacts) -> Generated:
    """The code object for the chip of ``facts``, and what it says of its kernels.

    ``text`` is LLVM IR as LLVM 22 reads it. InternalError for functions that are nowhere and for
    code that the chip cannot run. May end the process where LLVM cannot go on.
    """
    code = _code(text, facts, unroll=True)
    if _scratch(code):
        # Short loops that LLVM unrolled whole load all that they will need at once.
        code = min(code, _code(text, facts, unroll=False), key=_scratch)
    found = check.problems(code, facts)
    if found:
        raise InternalError(f"the code object is wrong: {'; '.join(found)}")
    report = {name: kernel.report() for name, kernel in kernels(code).items()}
    return Generated(code, report=report)


def assembly(text: str, facts: AmdFacts) -> str:
    """The assembly of the same kernels, their metadata at the end.

    Not beside ``generate``: making it takes as long as making the code object, and a module whose
    code was generated cannot be used again.
    """
    module, machine = optimized(text, facts)
    made: str = machine.emit_assembly(module)
    return made


def _code(text: str, facts: AmdFacts, unroll: bool) -> bytes:
    module, machine = optimized(text, facts, unroll)
    return link.link(machine.emit_object(module))


def _scratch(code: bytes) -> int:
    """Bytes of memory that registers spill into, of all kernels."""
    return sum(kernel.scratch for kernel in kernels(code).values())


def optimized(
    text: str, facts: AmdFacts, unroll: bool = True
) -> tuple[llvm.ModuleRef, llvm.TargetMachine]:
    """The module of ``text``, optimized for the chip, and what makes code of it.

    ``unroll`` lets LLVM unroll loops.
    """
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(
        cpu=facts.chip, features=facts.features, opt=3
    )
    module = llvm.parse_assembly(_prepared(text, facts))
    module.triple, module.data_layout = TRIPLE, str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_unrolling = unroll
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return module, machine


def _prepared(text: str, facts: AmdFacts) -> str:
    """``text`` as LLVM 22 makes good code of it."""
    text = _UNIFORM.sub('"uniform-work-group-size"="true"', without_places(text))
    if facts.traps or not _TRAP.search(text):
        return text
    return _TRAP.sub(f"call void @{_ABORT}()", text) + _ABORT_TEXT
