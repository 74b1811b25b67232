"""The pipeline step: every linalg operation on memrefs becomes a call of a kernel function.

    linalg.generic ins(%x, %w) outs(%y)
      ==>
    if work >= grain: parallel for lo in 0..n step chunk: call @kernel(lo, lo + chunk, x, w, y)
    else:             call @kernel(0, n, x, w, y)

What is out of reach (bodies that load, buffers with unknown sizes) is left for the scalar
lowering that follows in the pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import dialect, mlir
from pharos.targets.cpu.vector_loops import index
from pharos.targets.cpu.vector_loops.body import supported
from pharos.targets.cpu.vector_loops.choice import Choice, Registers, choose
from pharos.targets.cpu.vector_loops.kernel import Kernel
from pharos.targets.cpu.vector_loops.nest import Nest, read_nest, trip_count


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
            for number, operation in enumerate(_generics(module)):
                nest = read_nest(operation)
                if nest is not None and supported(nest):
                    self._replace(module, nest, number)
        return module

    def _replace(self, module: Any, nest: Nest, number: int) -> None:
        operation = nest.operation
        choice = choose(nest, Registers(self.simd_bits, self.registers), self.threads)
        captured = _captured(nest)
        operands = list(operation.operands)
        arguments = operands + captured
        name = _kernel_name(operation, number)
        with operation.location:
            function = self._kernel(module, nest, choice, name, captured)
            with mlir.InsertionPoint(operation):
                self._launch(nest, choice, function, arguments)
        operation.erase()

    def _kernel(
        self, module: Any, nest: Nest, choice: Choice, name: str, captured: list[Any]
    ) -> Any:
        func = dialect("func")
        operands = list(nest.operation.operands)
        types = [mlir.IndexType.get()] * 2 + [v.type for v in operands + captured]
        with mlir.InsertionPoint(module.body):
            function = func.FuncOp(name, (types, []), visibility="private")
            block = function.add_entry_block()
        # Called from two places; inlined there, every kernel would be compiled twice.
        function.attributes["passthrough"] = mlir.Attribute.parse('["noinline"]')
        low, high, *values = block.arguments
        with mlir.InsertionPoint(block):
            Kernel(nest, choice, values[: len(operands)], low, high, self.prefetch).write()
            func.ReturnOp([])
        for value, argument in zip(captured, values[len(operands) :], strict=True):
            _replace_inside(block, value, argument)
        return function

    def _launch(self, nest: Nest, choice: Choice, function: Any, arguments: list[Any]) -> None:
        func, arith = dialect("func"), dialect("arith")
        name = mlir.FlatSymbolRefAttr.get(function.name.value)
        sizes = [
            trip_count(nest, dim, nest.operation.operands) for dim in range(len(nest.parallel))
        ]
        zero = index.constant(0)
        count = index.constant(1) if choice.split is None else sizes[choice.split]
        if self.threads == 1 or choice.split is None or _inside_parallel(nest.operation):
            func.CallOp([], name, [zero, count, *arguments])
            return
        work = index.constant(1)
        for size in sizes:
            work = index.mul(work, size)
        enough = arith.cmpi(arith.CmpIPredicate.sge, work, index.constant(self.grain))
        branch = dialect("scf").IfOp(enough, has_else=True)
        with mlir.InsertionPoint(branch.then_block):
            self._parallel(choice, name, count, arguments)
            dialect("scf").YieldOp([])
        with mlir.InsertionPoint(branch.else_block):
            func.CallOp([], name, [zero, count, *arguments])
            dialect("scf").YieldOp([])

    def _parallel(self, choice: Choice, name: Any, count: Any, arguments: list[Any]) -> None:
        """Cut the split loop into one part per thread, in multiples of its unroll factor."""
        func, scf = dialect("func"), dialect("scf")
        assert choice.split is not None
        step = choice.unroll.get(choice.split, 1)
        if choice.split == choice.vector:
            step = choice.width * 4
        chunk = index.mul(
            index.ceil_div(index.ceil_div(count, step), self.threads), index.constant(step)
        )
        loop = scf.ParallelOp([], [index.constant(0)], [count], [chunk], [])
        block = mlir.Block.create_at_start(loop.regions[0], [mlir.IndexType.get()])
        with mlir.InsertionPoint(block):
            low = block.arguments[0]
            high = index.minimum(index.add(low, chunk), count)
            func.CallOp([], name, [low, high, *arguments])
            scf.ReduceOp([], 0)


def _generics(module: Any) -> list[Any]:
    found: list[Any] = []

    def visit(op: Any) -> Any:
        if op.name == "linalg.generic" and not len(op.results):
            found.append(op)
        return mlir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found


def _captured(nest: Nest) -> list[Any]:
    """Values that the body uses from outside, constants excepted (those move with it)."""
    inside = set(nest.body.arguments)
    captured: list[Any] = []
    for op in nest.body.operations:
        for value in op.operation.operands:
            if value not in inside and value not in captured:
                captured.append(value)
        inside.update(op.operation.results)
    return captured


def _replace_inside(block: Any, value: Any, argument: Any) -> None:
    """Make every operation below ``block`` use ``argument`` where it used ``value``."""

    def visit(op: Any) -> Any:
        for number, operand in enumerate(op.operands):
            if operand == value:
                op.operands[number] = argument
        return mlir.WalkResult.ADVANCE

    for op in block.operations:
        op.operation.walk(visit)


def _inside_parallel(operation: Any) -> bool:
    parent = operation.parent
    while parent is not None:
        if parent.name in ("scf.parallel", "scf.forall", "omp.parallel"):
            return True
        parent = parent.parent
    return False


def _kernel_name(operation: Any, number: int) -> str:
    parent = operation.parent
    while parent is not None and parent.name != "func.func":
        parent = parent.parent
    stem = parent.attributes["sym_name"].value if parent is not None else "kernel"
    return f"{stem}_kernel{number}"
