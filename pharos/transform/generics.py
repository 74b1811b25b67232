"""What a ``linalg.generic`` on tensors is made of: loops, maps, and a new one from these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir


def new_generic(operands: Sequence[Any], outputs: int, maps: Sequence[Any], kinds: Any) -> Any:
    """A ``linalg.generic`` whose body has its arguments and nothing else yet."""
    results = [value.type for value in operands[len(operands) - outputs :]]
    made = mlir.Operation.create(
        "linalg.generic",
        results=results,
        operands=list(operands),
        attributes={
            "indexing_maps": mlir.ArrayAttr.get([mlir.AffineMapAttr.get(m) for m in maps]),
            "iterator_types": mlir.ArrayAttr.get(
                [mlir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]
            ),
            "operandSegmentSizes": mlir.DenseI32ArrayAttr.get([len(operands) - outputs, outputs]),
        },
        regions=1,
    )
    elements = [getattr(value.type, "element_type", value.type) for value in operands]
    mlir.Block.create_at_start(made.regions[0], elements, [made.location] * len(elements))
    return made


def loop_kinds(generic: Any) -> list[str]:
    """ "parallel" or "reduction" for each loop."""
    return [str(kind).split("<")[1].rstrip(">") for kind in generic.attributes["iterator_types"]]


def input_count(generic: Any) -> int:
    """How many of its operands are inputs; they come first."""
    return int(mlir.DenseI32ArrayAttr(generic.attributes["operandSegmentSizes"])[0])


def index_maps(generic: Any) -> list[Any]:
    """The map of each operand."""
    return [attribute.value for attribute in generic.attributes["indexing_maps"]]


def loops_of(map_: Any) -> set[int]:
    """The loops that ``map_`` depends on."""
    found, pending = set(), list(map_.results)
    while pending:
        expression = pending.pop()
        if isinstance(expression, mlir.AffineDimExpr):
            found.add(expression.position)
        elif isinstance(expression, mlir.AffineBinaryExpr):
            pending += [expression.lhs, expression.rhs]
    return found


def projection(rank: int, loops: Sequence[int]) -> Any:
    """The map from ``rank`` loops to those in ``loops``."""
    return mlir.AffineMap.get(rank, 0, [mlir.AffineExpr.get_dim(loop) for loop in loops])


def renamed(map_: Any, new: dict[int, int]) -> Any:
    """``map_`` over the loops in ``new`` only, by their new numbers."""
    dims = [mlir.AffineExpr.get_dim(new.get(dim, 0)) for dim in range(map_.n_dims)]
    renamed = mlir.AffineMap.get(len(new), 0, dims)
    return mlir.AffineMap.get(len(new), 0, [e.compose(renamed) for e in map_.results])


def loop_sizes(generic: Any) -> list[int | None]:
    """How often each loop runs, as the shapes of the operands tell; None where none does."""
    sizes: list[int | None] = [None] * len(loop_kinds(generic))
    for operand, map_ in zip(generic.operands, index_maps(generic), strict=True):
        if not isinstance(operand.type, mlir.RankedTensorType):
            continue
        for size, expression in zip(operand.type.shape, map_.results, strict=True):
            if isinstance(expression, mlir.AffineDimExpr) and size >= 0:
                sizes[expression.position] = size
    return sizes


def copied(operations: Sequence[Any], values: dict[Any, Any], new: dict[int, int]) -> None:
    """Copy ``operations`` of a body to where code is written, with operands as ``values`` says, to
    which results are added; ``new`` are the new numbers of the loops."""
    for operation in operations:
        copy = operation.clone()
        for index, operand in enumerate(operation.operands):
            copy.operands[index] = values.get(operand, operand)
        if copy.name == "linalg.index":
            dim = new[operation.attributes["dim"].value]
            copy.attributes["dim"] = mlir.IntegerAttr.get(mlir.IntegerType.get_signless(64), dim)
        values.update(zip(operation.results, copy.results, strict=True))


@dataclass(frozen=True)
class Slice:
    """What computes some values of a body: its operations, in order, the inputs that it reads, and
    the loops that it depends on, both ascending."""

    body: tuple[Any, ...]
    inputs: tuple[int, ...]
    loops: tuple[int, ...]


def slice_of(generic: Any, values: Sequence[Any], kinds: tuple[str, ...]) -> Slice | None:
    """What computes ``values`` in the body of ``generic``; None where that reads an output, or is
    more than operations whose names begin with one of ``kinds``."""
    block, inputs = generic.regions[0].blocks[0], input_count(generic)
    body: list[Any] = []
    arguments: set[int] = set()
    loops: set[int] = set()
    pending = list(values)
    while pending:
        value = pending.pop()
        if isinstance(value.owner, mlir.Block):
            if value.owner == block:
                number = mlir.BlockArgument(value).arg_number
                if number >= inputs:
                    return None
                arguments.add(number)
                loops |= loops_of(index_maps(generic)[number])
            continue
        owner = value.owner.operation
        if owner.block == block and owner not in body:
            if len(owner.regions) or not owner.name.startswith(kinds):
                return None
            body.append(owner)
            if owner.name == "linalg.index":
                loops.add(owner.attributes["dim"].value)
            pending.extend(owner.operands)
    ordered = tuple(op.operation for op in block.operations if op.operation in body)
    return Slice(ordered, tuple(sorted(arguments)), tuple(sorted(loops)))
