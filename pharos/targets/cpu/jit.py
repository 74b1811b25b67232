"""The process-wide linker of compiled code (llvmlite's LLJIT)."""

from __future__ import annotations

import functools
import threading
from typing import Any

import llvmlite.binding as llvm

# A second JIT, made by two threads at once, would take its code away when it is collected.
_LOCK = threading.RLock()


def jit() -> Any:
    """The JIT. Kept for good: code may run until the process ends."""
    with _LOCK:
        return _made()


def load_ir(text: str, name: str) -> Any:
    """Compile LLVM IR into a library of its own, kept for good; ``[symbol]`` is an address."""
    with _LOCK:
        return _loaded(text, name)


@functools.cache
def _made() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=3, jit=True)
    # RuntimeDyld, not JITLink: MLIR's objects use the large code model, which both link, and
    # RuntimeDyld is the one that llvmlite's users exercise.
    return llvm.create_lljit_compiler(machine, use_jit_link=False)


@functools.cache
def _loaded(text: str, name: str) -> Any:
    builder = llvm.JITLibraryBuilder().add_ir(text)
    for function in llvm.parse_assembly(text).functions:
        if not function.is_declaration:
            builder.export_symbol(function.name)
    return builder.link(jit(), name)


def position_independent_object(text: str) -> bytes:
    """LLVM IR compiled to an object that shared libraries may contain."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=3, reloc="pic")
    code: bytes = machine.emit_object(llvm.parse_assembly(text))
    return code
