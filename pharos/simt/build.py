"""From a rewritten kernel, its meanings and the runtime to an object file for this machine."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import cache
from importlib import resources

import llvmlite.binding as llvm

from pharos.core.errors import InternalError, UserError
from pharos.simt.accesses import check_functions, granule_of
from pharos.simt.checks import Checks
from pharos.simt.emitter import Written
from pharos.simt.kernel import Kernel
from pharos.simt.reading import quoted
from pharos.simt.types import size_of

ARGUMENT_BYTES = 16
_PIECES = (
    *("ids", "faults", "queue", "fibers", "groups", "barriers"),
    *("effects", "counters", "grid", "conversions"),
)


@cache
def runtime_text(*names: str) -> str:
    """The pieces of the runtime with these names, one after another."""
    folder = resources.files("pharos.simt") / "runtime"
    return "\n".join((folder / f"{name}.ll").read_text(encoding="utf-8") for name in names)


def switch_piece() -> str:
    """The name of the piece that switches contexts on this processor."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        return "switch_x86_64"
    raise UserError(f"the simulator cannot switch contexts on {platform.machine()} yet")


def entry_text(kernel: Kernel) -> str:
    """`simt.kernel`: calls the kernel with its arguments, which lie 16 bytes apart."""
    lines = ["define internal void @simt.kernel(ptr %arguments) noinline {"]
    given = []
    for index, type in enumerate(kernel.parameters):
        lines.append(
            f"  %p{index} = getelementptr i8, ptr %arguments, i64 {index * ARGUMENT_BYTES}"
        )
        lines.append(f"  %v{index} = load {type}, ptr %p{index}")
        given.append(f"{type} %v{index}")
    lines.append(f"  call void {quoted(kernel.entry)}({', '.join(given)})")
    return "\n".join([*lines, "  ret void", "}", ""])


def compile_object(texts: Sequence[str], optimize: int) -> bytes:
    """One object file of these texts together; InternalError when LLVM cannot read them."""
    text = "\n".join(texts)
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise InternalError(f"the simulator wrote code that LLVM refuses: {error}") from error
    machine = target_machine(optimize)
    module.triple = llvm.get_process_triple()
    module.data_layout = str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=optimize)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


@cache
def target_machine(optimize: int) -> llvm.TargetMachine:
    """The code generator for this machine. Position independent: shared memory lies elsewhere."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    return llvm.Target.from_default_triple().create_target_machine(
        opt=optimize,
        reloc="pic",
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        jit=True,
    )


def kept_reset(written: Written) -> str:
    """`simt.kept.reset`: what meanings keep for a block is zero again."""
    lines = [
        f'  call void @llvm.memset.p0.i64(ptr @"{name}", i8 0, i64 {size_of(type)}, i1 false)'
        for name, type in written.kept.items()
        if type
    ]
    return "\n".join(["define internal void @simt.kept.reset() {", *lines, "  ret void", "}", ""])


def runtime(checks: Checks, written: Written, traced: bool) -> str:
    """The whole runtime: what every kernel needs, this processor's switch, and the checks."""
    traces = ["trace"] if traced else []
    text = runtime_text(*_PIECES, switch_piece(), *traces) + kept_reset(written)
    if not checks:
        return text + runtime_text("unchecked")
    granule = granule_of(written.granules)
    checked = runtime_text("order", "shadow", "regions")
    checked = checked.replace("GRANULE_SHIFT", str(granule.bit_length() - 1))
    checked = checked.replace("CHECK_UNWRITTEN", str(checks.unwritten).lower())
    checked = checked.replace("CHECK_NO_RACES", str(not checks.races).lower())
    functions = check_functions(written.needed, granule, checks)
    return "\n".join([text, checked, functions, *written.masked.values()])
