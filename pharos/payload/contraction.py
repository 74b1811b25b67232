"""Contractions: a product of two inputs, summed over loops that the output does not have."""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import mlir
from pharos.payload.bodies import scalar_constant
from pharos.payload.facts import Contraction, Factor
from pharos.payload.graph import Node, Read
from pharos.payload.maps import element_of, loops_of, plain_loops, product, shape_of
from pharos.payload.structured import Structured

_MULTIPLY = ("arith.mulf", "arith.muli", "complex.mul", "arith.andi")
_ADD = ("arith.addf", "arith.addi", "complex.add", "arith.ori")
_CONVERT = ("arith.extf", "arith.truncf", "arith.extsi", "arith.extui", "arith.trunci",
            "arith.sitofp", "arith.uitofp")  # fmt: skip
_RESHAPES = ("tensor.collapse_shape", "tensor.expand_shape")


def multiplied(nest: Structured) -> tuple[int, int, str] | None:
    """The two inputs whose product the body adds to its output, and the type it multiplies in."""
    if len(nest.outputs) != 1:
        return None
    made = {operation.results[0]: operation for operation in _body(nest) if operation.results}
    arguments = list(nest.body.arguments)
    yielded = list(nest.body.operations)[-1].operands[0]
    total = made.get(yielded)
    if total is None or total.name not in _ADD:
        return None
    terms = list(total.operands)
    if arguments[-1] not in terms:
        return None
    terms.remove(arguments[-1])
    term = _converted(terms[0], made)
    times = made.get(term)
    if times is None or times.name not in _MULTIPLY:
        return None
    sources = [_converted(value, made) for value in times.operands]
    inputs = [arguments.index(value) if value in arguments else -1 for value in sources]
    if -1 in inputs or inputs[0] == inputs[1] or max(inputs) >= nest.inputs:
        return None
    return min(inputs), max(inputs), element_of(times.results[0].type)


def contraction_of(node: Node) -> Contraction | None:
    """``node`` as a contraction; None when it is none."""
    nest = node.structured
    if nest is None or not nest.reductions:
        return None
    factors = multiplied(nest)
    if factors is None or nest.inputs != 2:
        return None
    a, b, compute = factors
    loops = [plain_loops(nest.accesses[i]) for i in (a, b, 2)]
    if any(one is None for one in loops):
        return None
    roles = _roles(*(set(one or ()) for one in loops))
    if roles is None:
        return None
    sizes = {role: product(nest.sizes[d] for d, r in roles.items() if r == role) for role in "bmnk"}
    letters = ["".join(roles[d] for d in one or ()) for one in loops]
    return Contraction(
        operation=node.operation,
        m=sizes["m"],
        n=sizes["n"],
        k=sizes["k"],
        batch=sizes["b"],
        lhs=_factor(node.reads[a], letters[0]),
        rhs=_factor(node.reads[b], letters[1]),
        result=letters[2],
        dtype=element_of(node.operation.operands[2].type),
        compute=compute,
        initial=initial_of(node),
    )


def _roles(lhs: set[int], rhs: set[int], out: set[int]) -> dict[int, str] | None:
    """b, m, n or k for each loop; None when a loop is none of these."""
    roles = {}
    for loop in lhs | rhs | out:
        where = (loop in lhs, loop in rhs, loop in out)
        role = {
            (True, True, True): "b",
            (True, False, True): "m",
            (False, True, True): "n",
            (True, True, False): "k",
        }.get(where)
        if role is None:
            return None
        roles[loop] = role
    return roles if "k" in roles.values() else None


def _factor(read: Read, layout: str) -> Factor:
    dtype = element_of(read.value.type)
    stored = layout
    before = _before(read, stored)
    while before is not None and read.node is not None:
        stored, read = before, read.node.reads[0]
        before = _before(read, stored)
    return Factor(layout, stored, dtype)


def _before(read: Read, letters: str) -> str | None:
    """The letters of the source's dimensions when ``read`` only moves data, else None."""
    if read.node is not None and read.node.name in _RESHAPES and read.same:
        return _reshaped(read.node, letters)
    order = _transposition(read)
    if order is None:
        return None
    return "".join(letters[order.index(d)] for d in range(len(order)))


def _reshaped(node: Node, letters: str) -> str | None:
    """The letters before a reshape that joins or splits dimensions of one letter."""
    groups = [
        [int(str(d).split(" ")[0]) for d in g] for g in node.operation.attributes["reassociation"]
    ]
    if node.name == "tensor.collapse_shape":
        return "".join(letters[one] * len(group) for one, group in enumerate(groups))
    sizes = shape_of(node.outputs[0].type)
    found = ""
    for group in groups:
        wide = {letters[d] for d in group if sizes[d] != 1} or {letters[group[0]]}
        if len(wide) != 1:
            return None
        found += wide.pop()
    return found


def reassociation(operation: Any) -> list[list[int]]:
    """By dimension of a reshape's shorter side, the dimensions of the longer one."""
    return [
        [mlir.IntegerAttr(one).value for one in mlir.ArrayAttr(group)]
        for group in operation.attributes["reassociation"]
    ]


def _transposition(read: Read) -> tuple[int, ...] | None:
    """By dimension of what is read, the dimension of the source that a transposition put there."""
    node = read.node
    if node is None or node.structured is None or not read.same:
        return None
    if not copies_input(node.structured):
        return None
    source, target = (plain_loops(a) for a in node.structured.accesses)
    if source is None or target is None or sorted(source) != sorted(target):
        return None
    return tuple(source.index(loop) for loop in target)


def copies_input(nest: Structured) -> bool:
    """Whether the body yields its only input as it is."""
    operations = list(nest.body.operations)
    return (
        nest.inputs == 1
        and len(operations) == 1
        and not nest.reductions
        and operations[0].operands[0] == nest.body.arguments[0]
    )


def initial_of(node: Node) -> str:
    """What a sum starts from: "zero", "bias" or "value"."""
    read = node.inits[0]
    source = read.node
    if scalar_constant(read.value) == 0:
        return "zero"
    if source is None or source.structured is None:
        return "value"
    nest = source.structured
    operations = list(nest.body.operations)
    if len(operations) == 1 and nest.inputs <= 1:
        value = operations[0].operands[0]
        if nest.inputs == 1 and value == nest.body.arguments[0]:
            value = source.operation.operands[0]
            if loops_of(nest.accesses[0]) != nest.parallel and loops_of(nest.accesses[0]):
                return "bias"
        if scalar_constant(value) == 0:
            return "zero"
    return "value"


def _converted(value: Any, made: dict[Any, Any]) -> Any:
    """What ``value`` was before conversions between number types."""
    operation = made.get(value)
    while operation is not None and operation.name in _CONVERT:
        value = operation.operands[0]
        operation = made.get(value)
    return value


def _body(nest: Structured) -> list[Any]:
    return [operation.operation for operation in nest.body.operations]
