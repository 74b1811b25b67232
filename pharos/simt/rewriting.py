"""A kernel's functions as the host can compile them: meanings called, alignments made safe."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pharos.simt.expand import Expansion
from pharos.simt.instrument import Instrument
from pharos.simt.kernel import Function, Kernel
from pharos.simt.reading import quoted, read_call
from pharos.simt.sites import Sites
from pharos.simt.trace import Tracer

_ALLOCA = re.compile(r"^(\s*%\S+ = alloca .*?)(?:, align \d+)?(, addrspace\(\d+\))?((?:, !.*)?)$")
_ALIGNED = re.compile(r", align \d+")
_TRAILING = re.compile(r"(?:(?: #\d+)|(?:, ![\w.]+ !\d+))+$")
_LINKAGE = re.compile(
    r"\b(?:internal|private|weak_odr|weak|linkonce_odr|linkonce|protected|hidden)\b"
)
_MEMORY = re.compile(r"(?:%\S+ = )?(?:load|store|atomicrmw|cmpxchg) ")
_METADATA = re.compile(r", ![\w.]+ !\d+")


class Rewriter:
    """Rewrites every function of a kernel; subclasses add what goes before an instruction."""

    def __init__(
        self,
        kernel: Kernel,
        expansion: Expansion,
        sites: Sites,
        instrument: Instrument | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.kernel = kernel
        self.expansion = expansion
        self.sites = sites
        self.instrument = instrument
        self.tracer = tracer

    def module(self) -> str:
        """The kernel as one module of LLVM IR: its functions, its variables, what they declare."""
        functions = [self.function(f) for f in self.kernel.functions.values()]
        shared = [
            f"{quoted(s.name)} = external addrspace(3) global {s.type}" for s in self.kernel.shared
        ]
        arrays = [_visible(a.line) for a in self.kernel.arrays]
        return "\n".join([*self.kernel.named_types, *shared, *arrays, *functions])

    def function(self, function: Function) -> str:
        """One function's definition."""
        if self.instrument:
            self.instrument.enter()
        lines = [new for line in function.lines for new in self.lines(line, function.name)]
        parameters = re.search(r"\((.*)\)[^)]*\{$", function.header)
        given = parameters[1] if parameters else ""
        words = function.header.split("@", 1)[0].removeprefix("define")
        result = _LINKAGE.sub("", words).strip()
        head = f"define internal {result} {quoted(function.name)}({given})"
        return "\n".join([head + " {", *lines, "}"]) + "\n"

    def lines(self, line: str, function: str) -> Iterable[str]:
        """What stands for one line, and what records its value when the kernel is traced."""
        lines = self.line(line, function)
        return self.tracer.wrap(line, lines, function) if self.tracer else lines

    def line(self, line: str, function: str) -> list[str]:
        """What stands for one line: itself, made safe, or the call of a meaning."""
        bare = line.lstrip()
        if bare.startswith("#dbg_"):
            return []
        if " call " in line or bare.startswith(("call ", "tail call ")):
            return self.call(line, function)
        if self.instrument:
            self.instrument.note(line)
        if " = alloca " in line:
            return [_ALLOCA.sub(r"\1, align 64\2", _METADATA.sub("", line))]
        if _MEMORY.match(bare):
            return self.access(line, function)
        return [_METADATA.sub("", line)]

    def call(self, line: str, function: str) -> list[str]:
        """A call of a meaning, or the call as it is."""
        found = read_call(line)
        if found is None:
            return [_TRAILING.sub("", line)]
        # A place is entered for every call, so that a meaning can name it.
        replaced = self.expansion.replace(found, len(self.sites.places), line)
        if replaced is None:
            plain = _TRAILING.sub("", line)
            checks = self.instrument.call(found, len(self.sites.places)) if self.instrument else []
            if checks:
                self.sites.add(line, function)
            return [*checks, plain]
        self.sites.add(line, function)
        return [replaced]

    def access(self, line: str, function: str) -> list[str]:
        """A load or store, of which the host may expect no alignment, after its check."""
        place, line = line, _METADATA.sub("", line)
        checks = self.instrument.access(line, len(self.sites.places)) if self.instrument else []
        if checks:
            self.sites.add(place, function)
        atomic = " atomic " in line or ("store" not in line and " load " not in line)
        return [*checks, line if atomic else _ALIGNED.sub(", align 1", line)]


def _visible(line: str) -> str:
    """A variable's definition under its own name, so that the host finds its address."""
    line = re.sub(r" = (?:internal|private|linkonce_odr|weak_odr|linkonce|weak) ", " = ", line)
    line = _METADATA.sub("", line)
    # LLVM emits no variables of the section llvm.metadata (the texts of annotations).
    line = re.sub(r', section "[^"]*"', "", line)
    return re.sub(r", comdat(?:\(\$[^)]*\))?", "", line)
