"""Arrays of i1 are arrays of bytes, and say so.

    memref<8xi1>   ==>   memref<8xi8>, 0 for false and 1 for true

An i1 in memory takes a byte in any case; a vector of them, to LLVM, takes a bit each. As bytes they
can be loaded and stored by vectors. Whoever calls sees no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests.memory import VIEWS

# Operations that do not care what the elements are.
_CARRIERS = frozenset(
    {
        "memref.alloc",
        "memref.alloca",
        "memref.dealloc",
        "memref.dim",
        "memref.copy",
        "memref.load",
        "memref.store",
        "memref.extract_aligned_pointer_as_index",
        "linalg.generic",
        "func.func",
        "func.call",
        "func.return",
        "scf.if",
        "scf.for",
        "scf.while",
        "scf.condition",
        "scf.yield",
        "arith.select",
        *VIEWS,
    }
)


@dataclass(frozen=True)
class BoolBytes:
    """Retype memrefs of i1 to i8, with conversions where elements are loaded and stored.

    A module with operations on such memrefs that it does not know stays as it is.
    """

    name: ClassVar[str] = "bool-bytes"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            touched = [op for op in _operations(module.operation) if _touches(op)]
            if touched and all(op.name in _CARRIERS for op in touched):
                for operation in touched:
                    _convert(operation)
        return module


def _operations(operation: Any) -> Iterator[Any]:
    for region in operation.regions:
        for block in region.blocks:
            for inner in block.operations:
                yield inner.operation
                yield from _operations(inner.operation)


def _values(operation: Any) -> list[Any]:
    """What ``operation`` makes: its results and the arguments of its blocks."""
    arguments = [
        a for region in operation.regions for block in region.blocks for a in block.arguments
    ]
    return [*operation.results, *arguments]


def _touches(operation: Any) -> bool:
    kinds = [v.type for v in (*operation.operands, *_values(operation))]
    if operation.name == "func.func":
        type_ = operation.attributes["function_type"].value
        kinds += [*type_.inputs, *type_.results]
    elif operation.name == "memref.global":
        kinds.append(operation.attributes["type"].value)
    return any(map(_is_bool, kinds))


def _is_bool(kind: Any) -> bool:
    if not isinstance(kind, (mlir.MemRefType, mlir.UnrankedMemRefType)):
        return False
    return isinstance(kind.element_type, mlir.IntegerType) and kind.element_type.width == 1


def _byte() -> Any:
    return mlir.IntegerType.get_signless(8)


def _widened(kind: Any) -> Any:
    if not _is_bool(kind):
        return kind
    if isinstance(kind, mlir.UnrankedMemRefType):
        return mlir.UnrankedMemRefType.get(_byte(), kind.memory_space)
    with mlir.Location.unknown():
        return mlir.MemRefType.get(kind.shape, _byte(), kind.layout, kind.memory_space)


def _convert(operation: Any) -> None:
    # Whether the elements were bools must be asked before the types change.
    bools = _bool_operands(operation)
    for value in _values(operation):
        if _is_bool(value.type):
            value.set_type(_widened(value.type))
    if operation.name == "func.func":
        kind = operation.attributes["function_type"].value
        widened = [list(map(_widened, types)) for types in (kind.inputs, kind.results)]
        operation.attributes["function_type"] = mlir.TypeAttr.get(mlir.FunctionType.get(*widened))
    elif operation.name == "memref.load":
        _read(operation.results[0], mlir.InsertionPoint.after(operation), operation.location)
    elif operation.name == "memref.store":
        with mlir.InsertionPoint(operation), operation.location:
            operation.operands[0] = dialect("arith").extui(_byte(), operation.operands[0])
    elif operation.name == "linalg.generic":
        _convert_body(operation, bools)


def _bool_operands(operation: Any) -> list[int]:
    """Operands of a generic whose block arguments are bools."""
    if operation.name != "linalg.generic":
        return []
    arguments = operation.regions[0].blocks[0].arguments
    memrefs = [isinstance(v.type, mlir.MemRefType) for v in operation.operands]
    return [
        number
        for number, argument in enumerate(arguments)
        if memrefs[number] and str(argument.type) == "i1"
    ]


def _convert_body(operation: Any, bools: list[int]) -> None:
    body = operation.regions[0].blocks[0]
    for number in bools:
        argument = body.arguments[number]
        _read(argument, mlir.InsertionPoint.at_block_begin(body), operation.location)
    end = list(body.operations)[-1].operation
    inputs = operation.attributes["operandSegmentSizes"][0]
    with mlir.InsertionPoint(end), operation.location:
        for number in bools:
            if number >= inputs:
                value = end.operands[number - inputs]
                end.operands[number - inputs] = _written(value, body.arguments[number])


def _written(value: Any, before: Any) -> Any:
    """``value`` as a byte. An "and" or "or" with what was there, ``before``, is one of bytes: a
    reduction that vectors can do."""
    arith, owner = dialect("arith"), value.owner
    if not isinstance(owner, mlir.Block) and owner.name in ("arith.andi", "arith.ori"):
        others = [v for v in owner.operands if not _compares(v, before)]
        if len(others) == 1:
            combine = arith.andi if owner.name == "arith.andi" else arith.ori
            return combine(before, arith.extui(_byte(), others[0]))
    return arith.extui(_byte(), value)


def _compares(value: Any, byte: Any) -> bool:
    """Whether ``value`` is what ``_read`` made of ``byte``."""
    owner = value.owner
    return (
        not isinstance(owner, mlir.Block)
        and owner.name == "arith.cmpi"
        and owner.operands[0] == byte
    )


def _read(value: Any, place: Any, location: Any) -> None:
    """Make ``value`` a byte, and what used it use whether that is not zero."""
    arith = dialect("arith")
    value.set_type(_byte())
    with place, location:
        zero = arith.ConstantOp(_byte(), mlir.IntegerAttr.get(_byte(), 0)).result
        compared = arith.CmpIOp(arith.CmpIPredicate.ne, value, zero)
    value.replace_all_uses_except(compared.result, compared.operation)
