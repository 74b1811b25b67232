"""Whether a module has scalar code that runs often, which LLVM's optimisations are for.

Kernels that Pharos writes are vectors with registers chosen already: LLVM's passes take three
quarters of the time that code generation takes, and make none of them faster. A loop over numbers
as a program writes it needs them, and so does a small function that is called in a loop, or that
calls itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pharos.ir.bindings import mlir

_ENDS = frozenset(
    f"llvm.{name}" for name in ("br", "cond_br", "switch", "return", "unreachable")
) | {"omp.yield", "omp.terminator"}
# What does more than a scalar instruction does, though it may have no vector's type.
_WORK = ("llvm.call_intrinsic", "llvm.inline_asm", "llvm.intr.mem", "llvm.intr.masked")
_CALL = "llvm.call"


@dataclass
class _Function:
    """A function with a body: its operations, each before what is in it, and its inner loops, each
    as the places of its operations. Pharos writes kernels (``kernels``), and nobody else does."""

    kernel: bool = False
    operations: list[Any] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    loops: list[list[int]] = field(default_factory=list)

    @property
    def calls(self) -> set[str]:
        """The functions that it calls by name."""
        return {_callee(one) for one, name in zip(self.operations, self.names, strict=True)
                if name == _CALL}  # fmt: skip

    @property
    def large(self) -> bool:
        """Whether a call of it does more than a few scalar instructions."""
        return bool(self.loops) or any(map(_works, self.operations, self.names))


def has_scalar_code(operations: Sequence[Any]) -> bool:
    """``operations`` are all of a module in the LLVM dialect, each before what is in it."""
    functions = _functions(operations)
    large = {name for name, function in functions.items() if function.large}

    def works(function: _Function, at: int) -> bool:
        operation, name = function.operations[at], function.names[at]
        if name == _CALL:
            callee = _callee(operation)
            return callee in large or callee not in functions
        return _works(operation, name)

    def scalar(function: _Function) -> bool:
        # A kernel of vectors may fill a table with a loop over numbers, once for all its work.
        loops = [range(len(function.names))] if function.kernel else function.loops
        return bool(function.loops) and not all(
            any(works(function, at) for at in loop) for loop in loops
        )

    return _recursive(functions) or any(map(scalar, functions.values()))


def _functions(operations: Sequence[Any]) -> dict[str, _Function]:
    found: dict[str, _Function] = {}
    function = _Function()
    for operation in operations:
        name = operation.name
        if name == "llvm.func":
            attributes = operation.attributes
            function = _Function("llvm.bareptr" in attributes)
            found[attributes["sym_name"].value] = function
        else:
            function.operations.append(operation)
            function.names.append(name)
    for function in found.values():
        function.loops = _inner_loops(function)
    return {name: function for name, function in found.items() if function.operations}


def _inner_loops(function: _Function) -> list[list[int]]:
    """The loops that no other is in: blocks that control comes back to, and OpenMP's regions."""
    blocks, regions = _blocks(function)
    bodies = [*_cycles([successors for _, _, successors in blocks])]
    bodies += [
        {n for n, (first, last, _) in enumerate(blocks) if start < first and last <= end}
        for start, end in regions
    ]
    inner = [body for body in bodies if not any(other < body for other in bodies)]
    return [[at for n in body for at in range(blocks[n][0], blocks[n][1] + 1)] for body in inner]


def _blocks(function: _Function) -> tuple[list[tuple[int, int, list[int]]], list[tuple[int, int]]]:
    """The first and the last operation of each block, with the blocks that follow it; the first
    and the last operation of each of OpenMP's loops."""
    opened: list[int] = []
    regions, spans = [], []
    start = 0
    for at, name in enumerate(function.names):
        if name == "omp.loop_nest":
            opened.append(at)
        elif name == "omp.yield" and opened:
            regions.append((opened.pop(), at))
        if name in _ENDS:
            spans.append((start, at))
        # Other operations of OpenMP are followed by the block in them.
        if name in _ENDS or name.startswith("omp."):
            start = at + 1
    ends = [function.operations[at] for _, at in spans]
    numbers = {end.block: n for n, end in enumerate(ends)}
    following = ([numbers[to] for to in end.successors] for end in ends)
    blocks = [(first, last, to) for (first, last), to in zip(spans, following, strict=True)]
    return blocks, regions


def _cycles(successors: Sequence[Sequence[int]]) -> Iterator[set[int]]:
    """The body of each loop: all that leads back to where it starts, without passing that."""
    predecessors: list[list[int]] = [[] for _ in successors]
    for block, following in enumerate(successors):
        for to in following:
            predecessors[to].append(block)
    for head, ways_back in _ways_back(successors).items():
        body, todo = {head}, ways_back
        while todo:
            block = todo.pop()
            if block not in body:
                body.add(block)
                todo += predecessors[block]
        yield body


def _ways_back(successors: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """The blocks from which control goes back, by the block that it goes back to."""
    found: dict[int, list[int]] = {}
    entered: set[int] = set()
    for root in range(len(successors)):
        path: dict[int, Iterator[int]] = {}
        todo = [] if root in entered else [root]
        while todo or path:
            if todo:
                block = todo.pop()
                entered.add(block)
                path[block] = iter(successors[block])
            block = next(reversed(path))
            to = next(path[block], None)
            if to is None:
                del path[block]
            elif to in path:
                found.setdefault(to, []).append(block)
            elif to not in entered:
                todo.append(to)
    return found


def _recursive(functions: Mapping[str, _Function]) -> bool:
    """Whether a function calls itself, through others or not."""
    left = {name: function.calls & set(functions) for name, function in functions.items()}
    while True:
        leaves = {name for name, called in left.items() if not called & set(left)}
        if not leaves:
            return bool(left)
        left = {name: called for name, called in left.items() if name not in leaves}


def _callee(call: Any) -> str:
    if "callee" not in call.attributes:
        return ""
    name: str = mlir.FlatSymbolRefAttr(call.attributes["callee"]).value
    return name


def _works(operation: Any, name: str) -> bool:
    """Whether ``operation`` is on vectors, or does more than a scalar instruction does."""
    if name.startswith(_WORK):
        return True
    values = operation.results if len(operation.results) else operation.operands
    return any(isinstance(value.type, mlir.VectorType) for value in values)
