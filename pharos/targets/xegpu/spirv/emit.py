"""SPIR-V of LLVM IR text, by LLVM's back end in llvmlite.

No optimisation: above level 0 the back end of LLVM 22 writes invalid modules (operands of different
widths), and its IR passes make vectors of one element, which SPIR-V has not got. The driver's
compiler optimises.
"""

from __future__ import annotations

import re

import llvmlite.binding as llvm

from pharos.core.errors import InternalError
from pharos.targets.common.gpu.downgrade import without_places
from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.kind import Generated

TRIPLE = "spirv64-unknown-unknown"
# What kernels may use; MLIR's XeVM target gives the same list to LLVM.
EXTENSIONS = (
    "SPV_INTEL_cache_controls",
    "SPV_INTEL_variable_length_array",
    "SPV_EXT_relaxed_printf_string_address_space",
)
# SPIR-V specification, 2.3: the first word of a module.
MAGIC = b"\x03\x02\x23\x07"
_ANNOTATION = re.compile(
    r"call ptr addrspace\(1\) @llvm\.ptr\.annotation[\w.]*\((ptr addrspace\(1\) [^,]+), .*"
)
_state = {"ready": False}


def generate(text: str, facts: GpuFacts) -> Generated:
    """A SPIR-V module for the kernels in ``text``. May end the process where LLVM cannot go on."""
    code = binary(text)
    if not code.startswith(MAGIC):
        raise InternalError(f"LLVM wrote no SPIR-V: it begins with {code[:4].hex()}")
    return Generated(code, assembly(text))


def binary(text: str) -> bytes:
    """The module as bytes."""
    module, machine = _parsed(text)
    code: bytes = machine.emit_object(module)
    return code


def assembly(text: str) -> str:
    """The module as text, as LLVM prints it."""
    # Emitting takes the module apart: each form needs one of its own.
    module, machine = _parsed(text)
    printed: str = machine.emit_assembly(module)
    return printed


def without_cache_controls(text: str) -> str:
    """``text`` without annotations of pointers, for tools that know no cache controls."""
    return _ANNOTATION.sub(r"getelementptr i8, \1, i64 0", text)


def _parsed(text: str) -> tuple[llvm.ModuleRef, llvm.TargetMachine]:
    if not _state["ready"]:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        llvm.set_option("", "--spirv-ext=" + ",".join(f"+{name}" for name in EXTENSIONS))
        _state["ready"] = True
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(opt=0)
    module = llvm.parse_assembly(without_places(text))
    module.triple, module.data_layout = TRIPLE, str(machine.target_data)
    module.verify()
    return module, machine
