"""What is read for the last time where a result is written lies in the memory of the result.

    %e = alloc;  e[i, j] = exp(x[i, j]);  s[i] = sum e[i, :];  y[i, j] = e[i, j] / s[i]
      ==>
    y[i, j] = exp(x[i, j]);  s[i] = sum y[i, :];  y[i, j] = y[i, j] / s[i]

The intermediate result would be brought into the caches, written back to memory and brought in
again beside the result: of a softmax, that is half of the traffic. An argument may lie in the same
memory as another one, which is read while the result is computed, so an argument is such a result
only where the function calls it ``restrict``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pharos.ir import operations
from pharos.ir.bindings import mlir
from pharos.targets.common.nests.memory import VIEWS
from pharos.targets.common.nests.nest import Nest, read_nest
from pharos.targets.common.nests.sharing import UNIQUE


def in_results(module: Any) -> None:
    """Replace allocations in ``module`` by the results that are computed from them, where each
    element of a result takes the place of the element that it is computed from."""
    for operation in operations(module, "linalg.generic"):
        nest = None if len(operation.results) else read_nest(operation)
        if nest is None or nest.reductions or len(nest.outputs) != 1:
            continue
        for access in nest.inputs:
            buffer = operation.operands[access.operand]
            if access.map == nest.outputs[0].map and _may_be_result(nest, buffer):
                _replace(nest, access.operand, buffer)
                break


def _may_be_result(nest: Nest, buffer: Any) -> bool:
    """Whether all that happens to ``buffer`` happens before ``nest`` ends, and nothing happens to
    its result before that."""
    operation, out = nest.operation, nest.outputs[0]
    result = operation.operands[out.operand]
    made = buffer.owner
    if isinstance(made, mlir.Block) or made.name != "memref.alloc" or buffer.type != result.type:
        return False
    whole = out.map.is_permutation and buffer.type.has_static_shape
    if not whole or made.operation.block != operation.block or not _can_come_first(result):
        return False
    if sum(operand == buffer for operand in operation.operands) > 1:
        return False

    def at(user: Any) -> int | None:
        # What the body of the operation itself loads may lie at other places.
        if user == operation or user.name == "memref.dealloc":
            return 0
        return (_order(user, operation) or None) if _stays(user) else None

    # A use that is in no place may be anywhere.
    earlier, later = map(at, _users(buffer)), map(at, _users(result))
    return all(n is not None and n <= 0 for n in earlier) and all(
        n is not None and n >= 0 for n in later
    )


def _can_come_first(result: Any) -> bool:
    """Whether ``result`` is there, or can be made, before anything is written, and is no other
    name for what is read."""
    if isinstance(result.owner, mlir.Block):
        function = result.owner.owner.operation
        if function.name != "func.func" or UNIQUE not in function.attributes:
            return False
        return result.arg_number in mlir.DenseI64ArrayAttr(function.attributes[UNIQUE])
    return result.owner.name == "memref.alloc" and not len(result.owner.operands)


def _users(buffer: Any) -> Iterator[Any]:
    """The operations that reach ``buffer``, also by views of it."""
    for use in buffer.uses:
        user = use.owner.operation
        yield user
        if user.name in VIEWS:
            for view in user.results:
                yield from _users(view)


def _stays(user: Any) -> bool:
    """Whether all of what ``user`` does to memory is done where it stands: it hands out no memory
    but as a view."""
    if user.name in VIEWS:
        return True
    numbers = (mlir.IntegerType, mlir.FloatType, mlir.VectorType)
    return not user.name.startswith(("cf.", "scf.yield")) and all(
        isinstance(result.type, numbers) for result in user.results
    )


def _order(user: Any, operation: Any) -> int | None:
    """-1 where ``user``, or what it stands in, comes before ``operation``, 1 where it comes after,
    0 where it stands in it; None for another block."""
    while user.block != operation.block:
        if user.name == "func.func":
            return None
        user = user.parent.operation
    if user == operation:
        return 0
    return -1 if user.is_before_in_block(operation) else 1


def _replace(nest: Nest, number: int, buffer: Any) -> None:
    """Put the result in the place of ``buffer``, which operand ``number`` of ``nest`` is."""
    old, made = nest.operation, buffer.owner.operation
    result = old.operands[nest.outputs[0].operand]
    if not isinstance(result.owner, mlir.Block) and result.owner.operation.block == made.block:
        result.owner.operation.move_before(made)
    for use in list(buffer.uses):
        if use.owner.operation.name == "memref.dealloc":
            use.owner.operation.erase()
    _without_input(old, nest, number)
    buffer.replace_all_uses_with(result)
    made.erase()


def _without_input(old: Any, nest: Nest, number: int) -> None:
    """A new operation in the place of ``old``, which reads from its output what it read from
    operand ``number``."""
    kept = [n for n in range(len(old.operands)) if n != number]
    maps = list(old.attributes["indexing_maps"])
    attributes = {name: old.attributes[name] for name in old.attributes}
    attributes["indexing_maps"] = mlir.ArrayAttr.get([maps[n] for n in kept])
    attributes["operandSegmentSizes"] = mlir.DenseI32ArrayAttr.get([len(nest.inputs) - 1, 1])
    with mlir.InsertionPoint(old), old.location:
        new = mlir.Operation.create(
            "linalg.generic",
            operands=[old.operands[n] for n in kept],
            attributes=attributes,
            regions=1,
        )
    body = old.regions[0].blocks[0]
    body.arguments[number].replace_all_uses_with(body.arguments[len(maps) - 1])
    body.append_to(new.regions[0])
    new.regions[0].blocks[0].erase_argument(number)
    old.erase()
