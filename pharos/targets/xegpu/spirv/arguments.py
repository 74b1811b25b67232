"""A kernel's arguments as a launch passes them: one pointer for a memref, none for local memory.

    (ptr<1> allocated, ptr<1> aligned, i64 offset, sizes, strides, ..., ptr<3> local)
      ==>
    (ptr<1>, ...)                                  and a global array in address space 3

MLIR's lowering to SPIR-V expands memrefs and takes workgroup memory as an argument, as OpenCL C
does. Shapes are static here, so that of the expanded form only the aligned pointer is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.core.errors import InternalError
from pharos.ir.bindings import mlir
from pharos.targets.xegpu.kernel_form import ARGUMENTS, LOCAL, NOTED_SIZE, SIZE

_ATTRIBUTION = "llvm.workgroup_attribution"
# A block of local memory begins where any vector may be loaded.
_ALIGNMENT = 64


def plain_pointers(kernel: Any) -> None:
    """Change the signature of ``kernel``, an ``llvm.func`` that ``kernel-form`` saw, in place."""
    attributes = kernel.attributes
    ranks = list(mlir.DenseI64ArrayAttr(attributes[ARGUMENTS]))
    block = kernel.regions[0].blocks[0]
    given = [_as_dict(a) for a in attributes["arg_attrs"]] if "arg_attrs" in attributes else []
    given += [{}] * (len(block.arguments) - len(given))
    dropped, position = [], 0
    for rank in ranks:
        if rank >= 0:
            block.arguments[position].replace_all_uses_with(block.arguments[position + 1])
            dropped += [position, *range(position + 2, position + 3 + 2 * rank)]
        position += 1 if rank < 0 else 3 + 2 * rank
    for number in range(position, len(block.arguments)):
        _to_global(kernel, block.arguments[number], given[number], number - position)
        dropped.append(number)
    _drop(kernel, dropped, given)
    attributes[SIZE] = attributes[NOTED_SIZE]
    del attributes[NOTED_SIZE], attributes[ARGUMENTS]


def _to_global(kernel: Any, argument: Any, given: dict[str, Any], number: int) -> None:
    """Use a new array in local memory for ``argument``."""
    if _ATTRIBUTION not in given:
        raise InternalError(f"a kernel's argument {argument} is neither noted nor local memory")
    words = str(given[_ATTRIBUTION]).split("<", 1)[1].rstrip(">")
    count, element = words.split(" : i64, ", 1)
    name = f"{kernel.attributes['sym_name'].value}_local{number}"
    kind = mlir.Type.parse(f"!llvm.array<{count} x {element}>")
    with kernel.location, mlir.InsertionPoint(kernel):
        mlir.Operation.create(
            "llvm.mlir.global",
            regions=1,
            attributes={
                "sym_name": mlir.StringAttr.get(name),
                "global_type": mlir.TypeAttr.get(kind),
                "linkage": mlir.Attribute.parse("#llvm.linkage<internal>"),
                "addr_space": mlir.IntegerAttr.get(mlir.IntegerType.get_signless(32), LOCAL),
                "alignment": mlir.IntegerAttr.get(mlir.IntegerType.get_signless(64), _ALIGNMENT),
            },
        )
    symbol = mlir.FlatSymbolRefAttr.get(name)
    with kernel.location, mlir.InsertionPoint.at_block_begin(kernel.regions[0].blocks[0]):
        address = mlir.Operation.create(
            "llvm.mlir.addressof", [argument.type], attributes={"global_name": symbol}
        )
    argument.replace_all_uses_with(address.result)


def _drop(kernel: Any, dropped: Sequence[int], given: Sequence[dict[str, Any]]) -> None:
    """Erase the arguments with the numbers ``dropped``, of which nothing is used."""
    block = kernel.regions[0].blocks[0]
    used = [n for n in dropped if list(block.arguments[n].uses)]
    if used:
        raise InternalError(
            f"kernel '{kernel.attributes['sym_name'].value}' uses sizes or strides of its "
            f"arguments that its launch does not pass (expanded arguments {used})"
        )
    for number in sorted(dropped, reverse=True):
        block.erase_argument(number)
    kept = [mlir.DictAttr.get(a) for n, a in enumerate(given) if n not in set(dropped)]
    kernel.attributes["arg_attrs"] = mlir.ArrayAttr.get(kept)
    types = ", ".join(str(argument.type) for argument in block.arguments)
    kernel.attributes["function_type"] = mlir.TypeAttr.get(
        mlir.Type.parse(f"!llvm.func<void ({types})>")
    )


def _as_dict(attribute: Any) -> dict[str, Any]:
    return {named.name: named.attr for named in mlir.DictAttr(attribute)}
