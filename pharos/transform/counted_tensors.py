"""Tensors of loop numbers are computed by each of their readers.

    %n = linalg.generic outs(%e : tensor<8xi64>) { yield index_cast(linalg.index 0) }
    %c = tensor.expand_shape %n : tensor<8xi64> into tensor<8x1xi64>
    %y = linalg.generic ins(%c, %x) ...
      ==>
    %c = linalg.generic outs(%e : tensor<8x1xi64>) { yield index_cast(linalg.index 0) }
    %y = linalg.generic ins(%c, %x) ...

So come the masks of ``torch.tril`` and ``torch.triu`` from torch-mlir. Fusion then puts the numbers
into the reader, which needs no memory for them, and what does with a mask may look at how it
depends on the loops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir
from pharos.transform.generics import index_maps, input_count, loop_kinds, new_generic

_MOST_OPERATIONS = 4


@dataclass(frozen=True)
class CountedTensors:
    """A ``linalg.generic`` of loop numbers  ==>  one for each elementwise reader, in its shape."""

    name: ClassVar[str] = "counted-tensors"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place; expanded shapes that are not static are left."""
        with module.context:
            for generic in operations(module, "linalg.generic"):
                if _counts(generic):
                    _rewrite(generic)
        return module


def _counts(generic: Any) -> bool:
    """Whether ``generic`` computes a little from the numbers of its loops alone."""
    if len(generic.results) != 1 or input_count(generic) or "reduction" in loop_kinds(generic):
        return False
    rank = len(loop_kinds(generic))
    if index_maps(generic)[0] != mlir.AffineMap.get_identity(rank):
        return False
    block = generic.regions[0].blocks[0]
    *body, _ = [op.operation for op in block.operations]
    plain = all(op.name == "linalg.index" or op.name.startswith("arith.") for op in body)
    numbers = any(op.name == "linalg.index" for op in body)
    return plain and numbers and len(body) <= _MOST_OPERATIONS and not list(block.arguments[0].uses)


def _rewrite(generic: Any) -> None:
    for use in list(generic.results[0].uses):
        reader = use.owner.operation
        if _elementwise(use):
            _give(use, lambda: generic.clone().results[0])
        elif reader.name == "tensor.expand_shape":
            places = _places(reader)
            if places is not None and all(_elementwise(u) for u in reader.results[0].uses):
                type_ = reader.results[0].type
                for inner in list(reader.results[0].uses):
                    _give(inner, lambda p=places, t=type_: _expanded(generic, p, t))
                reader.erase()


def _give(use: Any, make: Any) -> None:
    """The reader of ``use`` gets what ``make`` writes right before it."""
    reader = use.owner.operation
    with mlir.InsertionPoint(reader), reader.location:
        reader.operands[use.operand_number] = make()


def _elementwise(use: Any) -> bool:
    """Whether fusion can put what ``use`` reads into its reader, and each element is read about
    once."""
    reader = use.owner.operation
    return (
        reader.name == "linalg.generic"
        and use.operand_number < input_count(reader)
        and "reduction" not in loop_kinds(reader)
    )


def _places(expand: Any) -> list[int] | None:
    """The dimension of the result that each dimension of the source becomes; None where one
    becomes several, or sizes are not known."""
    shape = expand.results[0].type.shape
    if any(size < 0 for size in shape):
        return None
    found = []
    for group in expand.attributes["reassociation"]:
        dims = [int(number.value) for number in group]
        long = [dim for dim in dims if shape[dim] != 1]
        if len(long) > 1:
            return None
        found.append(long[0] if long else dims[-1])
    return found


def _expanded(generic: Any, places: list[int], type_: Any) -> Any:
    """``generic`` with a result of ``type_``, its loop d being loop ``places[d]``."""
    empty = dialect("tensor").empty(list(type_.shape), type_.element_type)
    identity = mlir.AffineMap.get_identity(type_.rank)
    made = new_generic([empty], 1, [identity], ["parallel"] * type_.rank)
    values: dict[Any, Any] = {}
    with mlir.InsertionPoint(made.regions[0].blocks[0]):
        for op in generic.regions[0].blocks[0].operations:
            copy = op.operation.clone()
            for number, operand in enumerate(op.operation.operands):
                copy.operands[number] = values.get(operand, operand)
            if copy.name == "linalg.index":
                loop = places[op.operation.attributes["dim"].value]
                copy.attributes["dim"] = mlir.IntegerAttr.get(
                    mlir.IntegerType.get_signless(64), loop
                )
            values.update(zip(op.operation.results, copy.results, strict=True))
    return made.results[0]
