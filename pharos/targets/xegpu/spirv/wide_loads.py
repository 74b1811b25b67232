"""Loads of vectors that SPIR-V does not have become several that it has.

    %w = load <32 x i16>, %p                      %g = getelementptr i8, %p, 16
    %v = shufflevector %w, poison [8 .. 15]  ==>  %v = load <8 x i16>, %g

Vectors have at most 16 elements (SPIR-V, "Vector16" capability); LLVM 22's back end aborts on
longer ones ("unable to legalize G_UNMERGE_VALUES"). XeVM's lowering stores what a block load
brought in an array, loads all of it as one vector, and takes contiguous parts.
"""

from __future__ import annotations

from typing import Any

from pharos.ir import operations
from pharos.ir.bindings import mlir

LONGEST = 16
_BITS = {"f16": 16, "bf16": 16, "f32": 32, "f64": 64}


def split_wide_loads(module: Any) -> None:
    """Rewrite ``module`` (LLVM dialect) in place."""
    dead: list[Any] = []
    for shuffle in _shuffles(module):
        mask = list(mlir.DenseI32ArrayAttr(shuffle.attributes["mask"]))
        chain = _chain(shuffle.operands[0])
        if chain is None or not _is_part(mask, shuffle):
            continue
        shuffle.results[0].replace_all_uses_with(_part(shuffle, chain[-1], mask[0]))
        dead += [shuffle, *chain]
    erased: set[int] = set()
    for operation in dead:
        unused = not any(list(result.uses) for result in operation.results)
        if unused and hash(operation) not in erased:
            erased.add(hash(operation))
            operation.erase()


def _shuffles(module: Any) -> list[Any]:
    return [
        op for op in operations(module, "llvm.shufflevector") if _length(op.operands[0]) > LONGEST
    ]


def _length(value: Any) -> int:
    length: int = mlir.VectorType(value.type).shape[0]
    return length


def _chain(value: Any) -> list[Any] | None:
    """The operations from ``value`` back to the load that it is, bit by bit; None for no load."""
    chain = [value.owner]
    while chain[-1].name == "llvm.bitcast":
        chain.append(chain[-1].operands[0].owner)
        if isinstance(chain[-1], mlir.Block):
            return None
    return chain if chain[-1].name == "llvm.load" else None


def _is_part(mask: list[int], shuffle: Any) -> bool:
    """Whether the mask takes neighbours of the first vector, in order."""
    return mask == list(range(mask[0], mask[0] + len(mask))) and mask[-1] < _length(
        shuffle.operands[0]
    )


def _part(shuffle: Any, load: Any, first: int) -> Any:
    """A load of the elements from ``first`` on, where the wide one was."""
    kind = mlir.VectorType(shuffle.results[0].type)
    offset = first * _bits(kind.element_type) // 8
    i8, i64 = (mlir.IntegerType.get_signless(bits) for bits in (8, 64))
    with mlir.InsertionPoint(load), load.location:
        pointer = load.operands[0]
        part = mlir.Operation.create(
            "llvm.getelementptr",
            [pointer.type],
            [pointer],
            {
                "elem_type": mlir.TypeAttr.get(i8),
                "rawConstantIndices": mlir.DenseI32ArrayAttr.get([offset]),
            },
        ).result
        # What is loaded from is an array of elements: no vector in it is aligned to its size.
        alignment = mlir.IntegerAttr.get(i64, _bits(kind.element_type) // 8)
        return mlir.Operation.create("llvm.load", [kind], [part], {"alignment": alignment}).result


def _bits(element: Any) -> int:
    return _BITS.get(str(element)) or int(mlir.IntegerType(element).width)
