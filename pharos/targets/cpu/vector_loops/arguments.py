"""Which arguments of a function may be the same memory: the very same array may be passed twice.

Arrays that overlap in part are refused at the call (``runtime/checks``), and so is passing twice
what the function calls ``restrict``. So two arguments are one array, or have nothing in common; and
they can be one array only where their types agree.
"""

from __future__ import annotations

from typing import Any

from pharos.ir import operations
from pharos.ir.bindings import mlir
from pharos.targets.common.nests.start import memory
from pharos.targets.cpu.tensors import UNIQUE


class Memories:
    """Names for the memory behind the arrays of ``module``, as its functions are now."""

    def __init__(self, module: Any) -> None:
        self._first: dict[Any, Any] = {}
        for function in operations(module, "func.func"):
            if len(function.regions[0].blocks):
                self._add(function)

    def _add(self, function: Any) -> None:
        unique = function.attributes.get(UNIQUE)
        apart = set() if unique is None else set(mlir.DenseI64ArrayAttr(unique))
        arrays = [
            argument
            for argument in function.regions[0].blocks[0].arguments
            if isinstance(argument.type, mlir.MemRefType) and argument.arg_number not in apart
        ]
        for number, argument in enumerate(arrays):
            same = (other for other in arrays[:number] if _may_be_one(other.type, argument.type))
            first = next(same, argument)
            self._first[argument] = self._first.get(first, first)

    def __call__(self, array: Any) -> Any:
        """What stands for the memory behind ``array``, the same for all that it may be; None where
        it may be one of several."""
        found = memory(array)
        return self._first.get(found, found)


def _may_be_one(a: Any, b: Any) -> bool:
    """Whether one array may be of both types."""
    dynamic = mlir.ShapedType.get_dynamic_size()
    return (
        a.element_type == b.element_type
        and a.rank == b.rank
        and all(m == n or dynamic in (m, n) for m, n in zip(a.shape, b.shape, strict=True))
    )
