"""The pipeline step: linalg operations on memrefs become calls of kernel functions.

    linalg.generic ins(%x, %w) outs(%y)
      ==>
    if work >= grain: parallel for lo in 0..n step chunk: call @kernel(lo, lo + chunk, x, w, y)
    else:             call @kernel(0, n, x, w, y)

Neighbours that work on the same rows share one call, see ``rows``. What is out of reach (bodies
with regions, buffers with unknown sizes) is left for the scalar lowering that follows in the
pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pharos.ir.bindings import mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import supported
from pharos.targets.common.nests.coalesce import coalesced
from pharos.targets.common.nests.memory import pure
from pharos.targets.common.nests.nest import Nest, generics, read_nest
from pharos.targets.common.nests.sharing import forget_sharing
from pharos.targets.common.nests.start import Earlier, with_start
from pharos.targets.cpu.kernels import call, flat
from pharos.targets.cpu.vector_loops import partial
from pharos.targets.cpu.vector_loops.choice import Choice, Registers, choose
from pharos.targets.cpu.vector_loops.copies import read_copy
from pharos.targets.cpu.vector_loops.functions import Functions, memory_in
from pharos.targets.cpu.vector_loops.in_result import in_results
from pharos.targets.cpu.vector_loops.launch import launch, share
from pharos.targets.cpu.vector_loops.linear_loads import with_operands
from pharos.targets.cpu.vector_loops.rows import Rows, block_of, local, longest_group


@dataclass(frozen=True)
class VectorLoops:
    """Lower linalg on memrefs to vector loops shared by threads.

    ``simd_bits`` and ``registers`` describe the vector unit; ``threads`` is how many parts a
    parallel loop is cut into; ``grain`` the number of innermost iterations below which a nest
    runs on one thread (waking another costs some microseconds); ``prefetch`` how many elements
    ahead the rows of a matrix-vector product are asked for, 0 for never.
    """

    name: ClassVar[str] = "vector-loops"
    simd_bits: int = 256
    registers: int = 16
    threads: int = 1
    grain: int = 32768
    prefetch: int = 1024

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context, mlir.Location.unknown():
            functions = Functions(module, self.prefetch)
            in_results(module)
            for operation in generics(module):
                nest = read_nest(operation)
                nest = nest and with_operands(nest)
                if nest is not None and supported(nest):
                    partial.shared(nest, self.threads, self.grain)
            for nests in _neighbours(module):
                self._replace_all(functions, nests)
            forget_sharing(module)
        return module

    def _replace_all(self, functions: Functions, nests: list[Nest]) -> None:
        """Replace ``nests``, between which nothing touches memory."""
        while nests:
            group = longest_group(nests, self.threads)
            group = group if all(self._by_rows(rows.nest) for rows in group) else []
            if group:
                self._replace_rows(functions, group)
            else:
                self._replace(functions, nests[0])
            nests = nests[max(1, len(group)) :]

    def _by_rows(self, nest: Nest) -> bool:
        """Whether a kernel for a few rows of ``nest`` is as good as one for all of them."""
        return not self._choice(nest).unroll

    def _choice(self, nest: Nest) -> Choice:
        return choose(nest, Registers(self.simd_bits, self.registers), self.threads)

    def _replace(self, functions: Functions, nest: Nest) -> None:
        nest = coalesced(nest)
        if self._copied(functions, nest):
            return
        choice = self._choice(nest)
        operation = nest.operation
        with operation.location, mlir.InsertionPoint(operation):
            kernel = functions.kernel(nest, choice)
            launch(functions, kernel, nest, choice, self.threads, self.grain)
        operation.erase()

    def _copied(self, functions: Functions, nest: Nest) -> bool:
        """Whether ``nest`` was a small copy, which is a call now."""
        rows = read_copy(nest) if _work(nest) < self.grain else None
        if rows is None:
            return False
        element = nest.inputs[0].element
        if rows.count > 1 and 2 * rows.length < self.simd_bits // element.width:
            return False  # other loops may fill vectors better
        operation = nest.operation
        with operation.location, mlir.InsertionPoint(operation):
            name = functions.copy(element, self.simd_bits)
            numbers = map(index.constant, rows.numbers)
            call(name, [*map(flat, operation.operands), *numbers])
        operation.erase()
        return True

    def _replace_rows(self, functions: Functions, group: list[Rows]) -> None:
        block, inner = block_of(group, self.threads), local(group)
        nests = [coalesced(rows.nest, rows.leading) for rows in group]
        last = nests[-1].operation
        calls = []
        for nest in nests:
            choice = replace(self._choice(nest), split=0)
            operands = enumerate(nest.operation.operands)
            parts = frozenset(n for n, v in operands if memory_in(inner, v) is not None)
            with nest.operation.location:
                calls.append(functions.kernel(nest, choice, parts))
        with last.location, mlir.InsertionPoint(last):
            call = functions.rows(calls, block, last, inner)
            work = index.constant(max(map(_work, nests)))
            count = index.constant(group[0].count)
            share(functions, call, count, work, block, self.threads, self.grain)
        for nest in nests:
            nest.operation.erase()
        for own in inner:
            _erase(own)


def _erase(allocation: Any) -> None:
    """Erase it with its views and what frees it: nothing else is left."""
    for user in [use.owner.operation for use in allocation.uses]:
        if len(user.results):
            _erase(user.results[0])
        else:
            user.erase()
    allocation.owner.operation.erase()


def _work(nest: Nest) -> int:
    work = 1
    for dim in range(len(nest.parallel)):
        work *= nest.size(dim) or 1
    return work


def _neighbours(module: Any) -> list[list[Nest]]:
    """The nests of ``module``, those together between which nothing touches memory."""
    nests = _nests(module)
    groups: list[list[Nest]] = []
    seen: set[Any] = set()
    for operation in list(nests):
        if operation in seen:
            continue
        groups.append([])
        for op in operation.operation.block.operations:
            found = nests.get(op.operation)
            if found is not None:
                groups[-1].append(found)
                seen.add(op.operation)
            elif not pure(op.operation):
                groups.append([])
    return [group for group in groups if group]


def _nests(module: Any) -> dict[Any, Nest]:
    """What can be lowered, by operation; fills that reductions start from are erased."""
    nests: dict[Any, Nest] = {}
    gone, earlier = [], Earlier()
    for operation in generics(module):
        nest = read_nest(operation)
        if nest is None or not supported(nest):
            continue
        nests[operation], fills = with_start(nest, earlier)
        gone += fills
    for fill in dict.fromkeys(gone):
        nests.pop(fill, None)
        fill.erase()
    return nests
