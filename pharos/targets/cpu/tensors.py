"""Free what tensors were turned into, and leave the program's own memory to the program.

MLIR's deallocation pass takes over every memref of a function: it refuses ``memref.dealloc``,
assumes that a called function hands its result over, and returns copies of what it does not own.
That is right for memory that bufferisation made and wrong for memory that the program manages.
So functions without tensors are kept from the pass, and in the others the program's memrefs are
hidden from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos import ir
from pharos.ir.bindings import PassManager, dialect, mlir
from pharos.targets.common.effects import has_body, is_memref
from pharos.targets.cpu.abi import functions

# On a function that had tensors: for each result, whether it was one.
_TENSOR_RESULTS = "pharos.tensor_results"
# MLIR's own mark on allocations and deallocations that the deallocation pass leaves alone.
_MANUAL = "bufferization.manual_deallocation"
_MANAGED = ("memref.alloc", "memref.dealloc")


@dataclass(frozen=True)
class NoteTensors:
    """Before bufferisation: write down which functions have tensors, and what memory is theirs."""

    name: ClassVar[str] = "note-tensors"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Mark the functions and their explicit allocations, in place."""
        with module.context:
            for function in functions(module):
                if has_body(function) and _has_tensors(function):
                    _make_structured(function)
                    kinds = [_is_tensor(kind) for kind in function.type.results]
                    flags = mlir.DenseBoolArrayAttr.get(kinds)
                    function.attributes[_TENSOR_RESULTS] = flags
                    for operation in _operations(function.operation):
                        if operation.name in _MANAGED:
                            operation.attributes[_MANUAL] = mlir.UnitAttr.get()
        return module


@dataclass(frozen=True)
class FreeTensors:
    """After bufferisation: free every buffer that stands for a tensor after its last use."""

    name: ClassVar[str] = "free-tensors"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Insert the deallocations, in place. CompileError where ownership cannot be followed."""
        owners = [f for f in functions(module) if _TENSOR_RESULTS in f.attributes]
        if not owners:
            return module
        with module.context:
            with _others_hidden(module), _own_memrefs_hidden(module):
                ir.run_passes(module, "ownership-based-buffer-deallocation")
            for function in owners:
                del function.attributes[_TENSOR_RESULTS]
        ir.run_passes(
            module,
            "canonicalize,buffer-deallocation-simplification,bufferization-lower-deallocations,"
            "cse,canonicalize",
        )
        return module


def _make_structured(function: Any) -> None:
    """Turn branches into scf: the deallocation pass follows structured loops only."""
    if len(function.operation.regions[0].blocks) == 1:
        return
    with ir.diagnosed("pass 'lift-cf-to-scf'"):
        PassManager.parse("func.func(lift-cf-to-scf)").run(function.operation)
    # Where a path has no value for a loop to carry there is now a poison, which has no buffer.
    # Nobody reads it, so any tensor will do.
    for operation in list(_operations(function.operation)):
        if operation.name == "ub.poison" and _is_tensor(operation.results[0].type):
            with mlir.InsertionPoint(operation), operation.location:
                empty = _empty(operation.results[0].type)
            operation.results[0].replace_all_uses_with(empty)
            operation.erase()


def _empty(kind: Any) -> Any:
    tensor, arith = dialect("tensor"), dialect("arith")
    index = mlir.IndexType.get()
    dynamic = [arith.constant(index, 0) for axis in range(kind.rank) if kind.is_dynamic_dim(axis)]
    return tensor.EmptyOp.build_generic(results=[kind], operands=dynamic).result


@contextmanager
def _others_hidden(module: Any) -> Iterator[None]:
    """Only declarations of the functions that had no tensors, until the block ends."""
    hidden = []
    for function in list(functions(module)):
        if has_body(function) and _TENSOR_RESULTS not in function.attributes:
            with mlir.InsertionPoint(function.operation), function.operation.location:
                name = function.sym_name.value
                stand_in = dialect("func").FuncOp(name, function.type, visibility="private")
            hidden.append((stand_in, function.operation.detach_from_parent()))
    try:
        yield
    finally:
        for stand_in, function in hidden:
            mlir.InsertionPoint(stand_in.operation).insert(function)
            stand_in.operation.erase()


@contextmanager
def _own_memrefs_hidden(module: Any) -> Iterator[None]:
    """Memrefs that the program itself returns from functions look like integers in the block.

    The pass would free what a call returns, and return a copy of what it did not allocate.
    """
    index = mlir.IndexType.get()
    own = {f.sym_name.value: _own_results(f) for f in functions(module)}
    types = {f: f.type for f in functions(module) if own[f.sym_name.value]}
    for function, kinds in types.items():
        hidden = own[function.sym_name.value]
        results = [index if i in hidden else kind for i, kind in enumerate(kinds.results)]
        _retype(function, mlir.FunctionType.get(kinds.inputs, results))
    returned, received = [], []
    for function in functions(module):
        for operation in list(_operations(function.operation)):
            if operation.name == "func.return":
                numbers = own[function.sym_name.value]
                returned += [(operation, n, _returned_as(operation, n, index)) for n in numbers]
            elif operation.name == "func.call":
                numbers = own[mlir.FlatSymbolRefAttr(operation.attributes["callee"]).value]
                received += [_received_as(operation, n, index) for n in numbers]
    try:
        yield
    finally:
        for operation, number, cast in returned:
            operation.operands[number] = cast.operands[0]
            cast.erase()
        for cast in received:
            value, kind = cast.operands[0], cast.results[0].type
            value.set_type(kind)
            cast.results[0].replace_all_uses_with(value)
            cast.erase()
        for function, kinds in types.items():
            _retype(function, kinds)


def _returned_as(operation: Any, number: int, kind: Any) -> Any:
    with mlir.InsertionPoint(operation), operation.location:
        cast = _cast(kind, operation.operands[number])
    operation.operands[number] = cast.results[0]
    return cast


def _received_as(operation: Any, number: int, kind: Any) -> Any:
    value = operation.results[number]
    with mlir.InsertionPoint.after(operation), operation.location:
        cast = _cast(value.type, value)
    value.replace_all_uses_except(cast.results[0], cast)
    value.set_type(kind)
    return cast


def _cast(kind: Any, value: Any) -> Any:
    cast = dialect("builtin").UnrealizedConversionCastOp([kind], [value])
    return cast.operation


def _retype(function: Any, kind: Any) -> None:
    function.attributes["function_type"] = mlir.TypeAttr.get(kind)


def _own_results(function: Any) -> frozenset[int]:
    """The results of ``function`` that the program wrote as memrefs, not as tensors."""
    kinds = function.type.results
    were_tensors: Any = [False] * len(kinds)
    if _TENSOR_RESULTS in function.attributes:
        were_tensors = mlir.DenseBoolArrayAttr(function.attributes[_TENSOR_RESULTS])
    pairs = enumerate(zip(kinds, were_tensors, strict=True))
    return frozenset(i for i, (kind, tensor) in pairs if is_memref(kind) and not tensor)


def _has_tensors(function: Any) -> bool:
    if any(map(_is_tensor, [*function.type.inputs, *function.type.results])):
        return True
    return any(
        _is_tensor(result.type)
        for operation in _operations(function.operation)
        for result in operation.results
    )


def _is_tensor(kind: Any) -> bool:
    return isinstance(kind, mlir.RankedTensorType | mlir.UnrankedTensorType)


def _operations(operation: Any) -> Iterator[Any]:
    """Every operation inside ``operation``."""
    for region in operation.regions:
        for block in region.blocks:
            for inner in block.operations:
                yield inner.operation
                yield from _operations(inner.operation)
