"""A kernel's LLVM IR taken apart: the functions it reaches, its memory, its debug places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import llvmlite.binding as llvm

from pharos.core.errors import UserError, nearest
from pharos.simt import types
from pharos.simt.reading import names_in, plain

_DEFINE = re.compile(r'^define .*?@("[^"]*"|[\w.$\-]+)\((.*)\)[^)]*\{$')
_GLOBAL = re.compile(
    r'^@("[^"]*"|[\w.$\-]+) = (?P<words>.*?)(?:addrspace\((?P<space>\d+)\) )?'
    r"(?P<kind>global|constant) (?P<rest>.*)$"
)
_ALIGN = re.compile(r", align (\d+)")


@dataclass(frozen=True)
class Function:
    """One function: its parameters' types and the lines between its braces."""

    name: str
    header: str
    parameters: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class SharedArray:
    """A variable in shared memory; the size 0 says that the launch decides (dynamic)."""

    name: str
    type: str
    size: int
    alignment: int


@dataclass(frozen=True)
class GlobalArray:
    """A variable in device memory that the module defines, as it is written."""

    name: str
    line: str
    size: int
    constant: bool


@dataclass
class Kernel:
    """The part of a module that its entry reaches."""

    entry: str
    functions: dict[str, Function] = field(default_factory=dict)
    shared: list[SharedArray] = field(default_factory=list)
    arrays: list[GlobalArray] = field(default_factory=list)
    named_types: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    def edit(self, changes: Iterable[Callable[[tuple[str, ...]], tuple[str, ...]]]) -> None:
        """Changes the lines of every function."""
        for change in changes:
            for name, function in self.functions.items():
                self.functions[name] = replace(function, lines=change(function.lines))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The types of the kernel's parameters."""
        return self.functions[self.entry].parameters


def read_kernel(text: str, entry: str, shared_space: int) -> Kernel:
    """The kernel ``entry`` of a module of LLVM IR, with everything that it reaches.

    Variables of the address space ``shared_space`` are shared memory. UserError when the text
    is no LLVM IR or has no such kernel.
    """
    try:
        canonical = str(llvm.parse_assembly(_without_target(text)))
    except RuntimeError as error:
        raise UserError(f"kernel {entry}: LLVM cannot read its code: {error}") from error
    lines = canonical.splitlines()
    functions = _functions(lines)
    if entry not in functions:
        raise UserError(
            f"the module has no kernel '{entry}', only {', '.join(sorted(functions)) or 'none'}",
            hint=nearest(entry, functions),
        )
    kernel = Kernel(entry, _reached(functions, entry))
    used = set[str]().union(*(names_in("\n".join(f.lines)) for f in kernel.functions.values()))
    _read_globals(lines, kernel, used, shared_space)
    kernel.named_types = [line for line in lines if re.match(r"^%\S+ = type ", line)]
    kernel.metadata = dict(
        line.split(" = ", 1) for line in lines if line.startswith("!") and " = " in line
    )
    return kernel


def _without_target(text: str) -> str:
    return re.sub(r"^target (?:triple|datalayout) = .*$", "", text, flags=re.M)


def _functions(lines: list[str]) -> dict[str, Function]:
    functions, at = {}, 0
    while at < len(lines):
        line = plain(lines[at])
        if found := _DEFINE.match(line):
            end = next(i for i in range(at, len(lines)) if lines[i] == "}")
            name = found[1].strip('"')
            parameters = tuple(types.leading_type(p)[0] for p in types.split(found[2]))
            body = tuple(plain(one) for one in lines[at + 1 : end])
            functions[name] = Function(name, line, parameters, body)
            at = end
        at += 1
    return functions


def _reached(functions: dict[str, Function], entry: str) -> dict[str, Function]:
    seen: dict[str, Function] = {}
    todo = [entry]
    while todo:
        name = todo.pop()
        if name in seen or name not in functions:
            continue
        seen[name] = functions[name]
        todo += names_in("\n".join(functions[name].lines))
    return seen


def _read_globals(lines: list[str], kernel: Kernel, used: set[str], shared_space: int) -> None:
    """Enters the variables that are used, and those that their initial values mention."""
    found = {m[1].strip('"'): m for line in lines if (m := _GLOBAL.match(line))}
    todo, seen = sorted(used), set[str]()
    while todo:
        name = todo.pop(0)
        if name in seen or name not in found:
            continue
        seen.add(name)
        line = found[name]
        type, rest = types.leading_type(line["rest"])
        alignment = int(a[1]) if (a := _ALIGN.search(rest)) else 16
        if int(line["space"] or 0) == shared_space:
            kernel.shared.append(SharedArray(name, type, types.size_of(type), alignment))
        else:
            todo += sorted(names_in(rest))
            constant = line["kind"] == "constant"
            kernel.arrays.append(GlobalArray(name, line[0], types.size_of(type), constant))
