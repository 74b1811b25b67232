"""The host functions of a module as launch descriptions: read, not compiled.

    %v = memref.subview %a[2, 0] [4, 8] [1, 1]
    scf.for %i = 0 to 3 { gpu.launch_func @kernels::@k ... args(%v, %i) }
    ==>
    Launch(k, ..., operands (Pointer(a, ...), Number(0))), Launch(... 1), Launch(... 2)

Views become places in buffers, loops with known bounds are unrolled, calls are followed. Whatever
else the host would have to compute is refused with its place: there is nobody who would compute it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pharos.core.artifact import EntryPoint
from pharos.ir import CompileError, span_of
from pharos.ir.bindings import mlir
from pharos.targets.common.gpu import constants, shapes
from pharos.targets.common.gpu.kernels import DESCRIBED
from pharos.targets.common.gpu.launches import (
    ARGUMENT,
    CONSTANT,
    SCRATCH,
    Copy,
    Described,
    Given,
    Launch,
    Memory,
    Operand,
    Program,
    Result,
    Step,
    Write,
)
from pharos.targets.common.gpu.scalars import Known, evaluated, number
from pharos.targets.common.gpu.views import View
from pharos.targets.common.signatures import functions

_MOST_STEPS = 100_000


class Reader:
    """Reads functions of ``module``; the constants that they use are shared by all of them."""

    def __init__(self, module: Any) -> None:
        self.constants: list[bytes] = []
        self._functions = {f.sym_name.value: f.operation for f in functions(module)}
        self._globals = constants.globals_of(module)
        self._numbers: dict[str, int] = {}

    def program(self, entry: EntryPoint) -> Program:
        """What the function of ``entry`` does. CompileError at the first thing that only a host
        could do."""
        return _Walk(self, entry).program()

    def function(self, name: str) -> Any:
        """The function called ``name``; None for one without a body."""
        found = self._functions.get(name)
        return found if found is not None and len(found.regions[0].blocks) else None

    def constant(self, name: str) -> Memory:
        """The buffer of the global ``name``."""
        kind, value = self._globals[name]
        if value is None:
            return Memory(SCRATCH, shapes.bytes_of(kind))
        if name not in self._numbers:
            self._numbers[name] = len(self.constants)
            self.constants.append(value())
        return Memory(CONSTANT, shapes.bytes_of(kind), self._numbers[name])


class _Walk:
    """Goes through one function in the order in which it would run."""

    def __init__(self, reader: Reader, entry: EntryPoint) -> None:
        self._reader = reader
        self._entry = entry
        self._buffers: list[Memory] = []
        self._steps: list[Step] = []
        self._named: dict[str, int] = {}
        self._values: dict[Any, Any] = {}
        self._calls: list[str] = []

    def program(self) -> Program:
        function = self._reader.function(self._entry.name)
        given = [self._argument(n, a.type) for n, a in enumerate(_block(function).arguments)]
        returned = self._call(function, given)
        results = tuple(self._result(value, function) for value in returned)
        return Program(tuple(self._buffers), tuple(self._steps), results)

    def _argument(self, position: int, kind: Any) -> Any:
        if not isinstance(kind, mlir.MemRefType):
            return Given(position)
        # The device holds arguments row-major, whatever the caller's strides are.
        return self._fresh(kind, Memory(ARGUMENT, shapes.bytes_of(kind), position))

    def _fresh(self, kind: Any, memory: Memory) -> View:
        self._buffers.append(memory)
        strides, _ = kind.get_strides_and_offset()
        shape = tuple(kind.shape)
        return View(len(self._buffers) - 1, 0, 0, shape, tuple(strides), shapes.dtype(kind))

    def _call(self, function: Any, given: list[Any]) -> list[Any]:
        name = function.attributes["sym_name"].value
        if name in self._calls:
            raise _refusal(function, f"'{name}' calls itself")
        self._calls.append(name)
        block = _block(function)
        self._values.update(zip(block.arguments, given, strict=True))
        returned = self._run(block)
        self._calls.pop()
        return returned

    def _run(self, block: Any) -> list[Any]:
        """Go through ``block``; what its terminator hands on."""
        for operation in block.operations:
            operation = operation.operation
            if operation.name in ("func.return", "scf.yield"):
                return self._operands(operation)
            self._step(operation)
            if len(self._steps) > _MOST_STEPS:
                raise _refusal(operation, f"the function takes more than {_MOST_STEPS} launches")
        return []

    def _operands(self, operation: Any) -> list[Any]:
        return [self._values.get(value) for value in operation.operands]

    def _step(self, operation: Any) -> None:
        values = self._operands(operation)
        known = evaluated(operation, values)
        handler = _HANDLERS.get(operation.name)
        if known is not None:
            made: list[Any] = [known]
        elif operation.name in shapes.VIEWS:
            made = shapes.viewed(operation, values)
        elif handler is not None:
            made = handler(self, operation, values)
        else:
            raise _refusal(operation)
        self._values.update(zip(operation.results, made, strict=True))

    # Operations -------------------------------------------------------------------------------

    def _alloc(self, operation: Any, values: list[Any]) -> list[Any]:
        kind = operation.results[0].type
        return [self._fresh(kind, Memory(SCRATCH, shapes.bytes_of(kind)))]

    def _dealloc(self, operation: Any, values: list[Any]) -> list[Any]:
        return []

    def _global(self, operation: Any, values: list[Any]) -> list[Any]:
        name = mlir.FlatSymbolRefAttr(operation.attributes["name"]).value
        kind = operation.results[0].type
        if name not in self._named:
            self._named[name] = len(self._buffers)
            self._buffers.append(self._reader.constant(name))
        strides, _ = kind.get_strides_and_offset()
        return [
            View(self._named[name], 0, 0, tuple(kind.shape), tuple(strides), shapes.dtype(kind))
        ]

    def _copy(self, operation: Any, values: list[Any]) -> list[Any]:
        source, target = values
        if not source.dense or not target.dense:
            raise _refusal(operation, "a copy between arrays with gaps was not made a kernel")
        size = shapes.bytes_of(operation.operands[0].type)
        if size and source.first() != target.first():
            self._steps.append(Copy(source.first(), target.first(), size, _place(operation)))
        return []

    def _store(self, operation: Any, values: list[Any]) -> list[Any]:
        value, target, *indices = values
        if not isinstance(value, Known) or not all(isinstance(i, Known) for i in indices):
            raise _refusal(operation, "the host stores what it knows only at run time")
        place = target.element([int(i.value) for i in indices])
        self._steps.append(Write(place, number(value).raw, _place(operation)))
        return []

    def _loop(self, operation: Any, values: list[Any]) -> list[Any]:
        low, high, step, *carried = values
        if not all(isinstance(bound, Known) for bound in (low, high, step)):
            raise _refusal(operation, "a loop around kernels has bounds that are not constant")
        block = operation.regions[0].blocks[0]
        for turn in range(low.value, high.value, step.value):
            given = [Known(low.dtype, turn), *carried]
            self._values.update(zip(block.arguments, given, strict=True))
            carried = self._run(block)
        return carried

    def _choice(self, operation: Any, values: list[Any]) -> list[Any]:
        if not isinstance(values[0], Known):
            raise _refusal(
                operation, "a branch around kernels has a condition that is not constant"
            )
        region = operation.regions[0 if values[0].value else 1]
        return self._run(region.blocks[0]) if len(region.blocks) else []

    def _call_step(self, operation: Any, values: list[Any]) -> list[Any]:
        name = mlir.FlatSymbolRefAttr(operation.attributes["callee"]).value
        function = self._reader.function(name)
        if function is None:
            raise _refusal(operation, f"'{name}' is a function of the host")
        return self._call(function, values)

    def _launch(self, operation: Any, values: list[Any]) -> list[Any]:
        counts = list(operation.attributes["operandSegmentSizes"])
        groups, at = [], 0
        for count in counts:
            groups.append(values[at : at + count])
            at += count
        # Async dependencies, grid (3), block (3), cluster (3), dynamic shared memory, operands.
        sizes = [one for group in (*groups[1:7], groups[10]) for one in group]
        if not all(isinstance(size, Known) for size in sizes):
            raise _refusal(operation, "a launch has sizes that are not constant")
        if any(groups[7:10]):
            raise _refusal(operation, "clusters of blocks")
        plain = [int(size.value) for size in sizes]
        symbol = operation.attributes["kernel"].value
        marks = _descriptions(operation, len(groups[11]))
        operands = tuple(
            self._operand(value, mark, operation)
            for value, mark in zip(groups[11], marks, strict=True)
        )
        shared = plain[6] if len(plain) > 6 else 0
        grid, block = tuple(plain[:3]), tuple(plain[3:6])
        if all(grid):
            place = _place(operation)
            self._steps.append(Launch(symbol[-1], grid, block, shared, operands, place))
        return []

    def _operand(self, value: Any, mark: str, operation: Any) -> Operand:
        if isinstance(value, View):
            return Described(value.first(), mark) if mark else value.aligned()
        if isinstance(value, Known):
            return number(value)
        if isinstance(value, Given):
            return value
        raise _refusal(operation, "a kernel takes what the host knows only at run time")

    def _result(self, value: Any, function: Any) -> Result:
        if not isinstance(value, View):
            raise _refusal(function, "a GPU function returns arrays, found a number")
        return Result(value.first(), value.dtype, value.shape, value.strides)


_HANDLERS: Mapping[str, Callable[[_Walk, Any, list[Any]], list[Any]]] = {
    "memref.alloc": _Walk._alloc,
    "memref.alloca": _Walk._alloc,
    "memref.dealloc": _Walk._dealloc,
    "memref.get_global": _Walk._global,
    "memref.copy": _Walk._copy,
    "memref.store": _Walk._store,
    "scf.for": _Walk._loop,
    "scf.if": _Walk._choice,
    "func.call": _Walk._call_step,
    "gpu.launch_func": _Walk._launch,
}


def _descriptions(operation: Any, count: int) -> list[str]:
    if DESCRIBED not in operation.attributes:
        return [""] * count
    return [mark.value for mark in operation.attributes[DESCRIBED]]


def _block(function: Any) -> Any:
    return function.regions[0].blocks[0]


def _place(operation: Any) -> str:
    span = span_of(operation.location)
    return "" if span is None else str(span)


def _refusal(operation: Any, why: str = "") -> CompileError:
    error = CompileError(
        f"'{operation.name}' is left for the host, and a GPU target has no host code"
        + (f": {why}" if why else ""),
        span=span_of(operation.location),
        hint="only operations on arrays become kernels; the pipeline has no kernel for this one",
    )
    error.operation = operation.name
    return error
