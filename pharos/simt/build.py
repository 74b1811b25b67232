"""From a rewritten kernel, its meanings and the runtime to an object file for this machine."""

from __future__ import annotations

import hashlib
import platform
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from importlib import resources

import llvmlite.binding as llvm

from pharos.core.errors import InternalError
from pharos.simt.accesses import check_functions, granule_of
from pharos.simt.checks import Checks
from pharos.simt.emitter import Written
from pharos.simt.kernel import Kernel
from pharos.simt.reading import names_in, quoted
from pharos.simt.types import size_of
from pharos.simt.units import WRITTEN, Definition, Library, meaning_units, renamed

ARGUMENT_BYTES = 16
_PIECES = (
    *("ids", "faults", "queue", "fibers", "groups", "barriers"),
    *("effects", "counters", "grid", "conversions", "traps"),
)


@cache
def runtime_text(*names: str) -> str:
    """The pieces of the runtime with these names, one after another."""
    folder = resources.files("pharos.simt") / "runtime"
    return "\n".join((folder / f"{name}.ll").read_text(encoding="utf-8") for name in names)


# How threads take turns: this processor's own context switch, or greenlets of Python.
NATIVE, GREENLET = "native", "greenlet"


def fibers_here() -> str:
    """The fastest way for threads to take turns on this processor."""
    return NATIVE if platform.machine().lower() in ("x86_64", "amd64") else GREENLET


def switch_piece(fibers: str) -> str:
    """The name of the runtime's piece for threads that take turns this way."""
    return {NATIVE: "switch_x86_64", GREENLET: "switch_host"}[fibers]


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


_OBJECTS: OrderedDict[tuple[bytes, int], bytes] = OrderedDict()
_MOST_OBJECTS = 500


def compile_unit(text: str, optimize: int) -> bytes:
    """The object file of a module of LLVM IR; one that was compiled lately is taken again."""
    key = (hashlib.sha256(text.encode()).digest(), optimize)
    if key not in _OBJECTS:
        _OBJECTS[key] = compile_object(text, optimize)
        if len(_OBJECTS) > _MOST_OBJECTS:
            _OBJECTS.popitem(last=False)
    _OBJECTS.move_to_end(key)
    return _OBJECTS[key]


def compile_object(text: str, optimize: int) -> bytes:
    """One object file; InternalError when LLVM cannot read the text."""
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


@dataclass(frozen=True)
class Code:
    """Everything that a kernel is made of, as text."""

    checks: Checks
    written: Written
    entry: str
    kernel: str
    traced: bool
    fibers: str = NATIVE


def units(code: Code) -> list[str]:
    """The modules of a kernel: the runtime, the checks, the long meanings, and the kernel."""
    written = code.written
    library = Library()
    shared = library.add(runtime(code))
    checks = library.add("\n".join(check_texts(code.checks, written)))
    kept = kept_reset(written)
    own = library.add("\n".join([code.entry, kept, *written.globals]))
    found, names = meaning_units(library, written.functions)
    kernel = renamed(code.kernel, names)
    left = [one for one in _used_meanings(library, kernel) if not one.inline]
    rest = [one for one in own if not WRITTEN.fullmatch(one.name)]
    apart = [
        library.unit([one for one in group if not one.inline])
        for group in (shared, checks)
        if group
    ]
    return [*apart, *found, library.unit([*rest, *left], kernel)]


def _used_meanings(library: Library, kernel: str) -> list[Definition]:
    """The short meanings that a kernel uses, with their effects and tables."""
    found: dict[str, Definition] = {}
    todo = sorted(names_in(kernel))
    while todo:
        name = todo.pop()
        one = library.definitions.get(name)
        if one is None or not WRITTEN.fullmatch(name) or name in found:
            continue
        found[name] = one
        todo += sorted(one.uses)
    return list(found.values())


def runtime(code: Code) -> str:
    """The runtime: what every kernel needs, the switch, and what checks share."""
    names = [*_PIECES, switch_piece(code.fibers), *(["trace"] if code.traced else [])]
    names += ["words"] if code.written.says else []
    checks = code.checks
    if not checks:
        return runtime_text(*names, "unchecked")
    granule = granule_of(code.written.granules)
    text = runtime_text(*names, "order", "shadow", "regions")
    text = text.replace("GRANULE_SHIFT", str(granule.bit_length() - 1))
    text = text.replace("CHECK_UNWRITTEN", str(checks.unwritten).lower())
    return text.replace("CHECK_NO_RACES", str(not checks.races).lower())


def check_texts(checks: Checks, written: Written) -> list[str]:
    """The checks of the accesses that a kernel makes."""
    if not checks:
        return []
    functions = check_functions(written.needed, granule_of(written.granules), checks)
    return [functions, *sorted(written.masked.values())]
