"""The scalar body of a linalg operation, rebuilt on vectors or scalars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests.nest import Nest

# Integer division traps on a zero divisor, which a masked-off lane may hold, and no SIMD unit
# of the CPUs we know divides integers.
_SCALAR_ONLY = ("divsi", "divui", "remsi", "remui", "ceildivsi", "ceildivui", "floordivsi")
_FLOAT_CONTRACT = ("arith.addf", "arith.subf", "arith.mulf")


@dataclass(frozen=True)
class Combiner:
    """How a reduction joins two partial results: the operation, and its kind for a vector."""

    operation: str
    kind: str


_COMBINERS = {
    "arith.addf": "add",
    "arith.addi": "add",
    "arith.mulf": "mul",
    "arith.muli": "mul",
    "arith.maximumf": "maximumf",
    "arith.maxnumf": "maxnumf",
    "arith.minimumf": "minimumf",
    "arith.minnumf": "minnumf",
    "arith.maxsi": "maxsi",
    "arith.maxui": "maxui",
    "arith.minsi": "minsi",
    "arith.minui": "minui",
    "arith.andi": "and",
    "arith.ori": "or",
    "arith.xori": "xor",
}


def supported(nest: Nest) -> bool:
    """Whether the body holds only operations that can be rebuilt one by one."""
    for op in list(nest.body.operations)[:-1]:
        name = op.operation.name
        if name != "linalg.index" and name.split(".")[0] not in ("arith", "math"):
            return False
        if len(op.operation.regions):
            return False
    return True


def can_vectorize(nest: Nest) -> bool:
    """Whether every operation of the body means the same on each lane of a vector."""
    return all(
        op.operation.name.split(".")[-1] not in _SCALAR_ONLY
        for op in list(nest.body.operations)[:-1]
    )


def combiners(nest: Nest) -> list[Combiner] | None:
    """The combiner of each carried output when all are ``combine(previous, term)``; else None.

    ``previous`` may occur nowhere else, but for what a scan yields: then lanes of partial
    results may be joined at the end. Carried are the outputs that are not ``nest.streamed``.
    """
    body, first = nest.body, len(nest.inputs)
    end = list(body.operations)[-1].operation
    streamed = [nest.streamed(access) for access in nest.outputs]
    found = []
    for number, value in enumerate(end.operands):
        if streamed[number]:
            continue
        previous = body.arguments[first + number]
        owner = value.owner
        if isinstance(owner, mlir.Block) or owner.name not in _COMBINERS:
            return None
        uses = [
            use
            for use in previous.uses
            if not (use.owner.operation == end and streamed[use.operand_number])
        ]
        if len(uses) != 1 or uses[0].owner.operation != owner:
            return None
        found.append(Combiner(owner.name, _COMBINERS[owner.name]))
    return found


def scanned(nest: Nest) -> list[tuple[int, bool]] | None:
    """For each streamed output the number of the carried output whose values it lists, and
    whether they include the element itself; None when it is something else.

    For a nest with streamed outputs: whether vectors may run along its scan.
    """
    body, first = nest.body, len(nest.inputs)
    yields = list(list(body.operations)[-1].operation.operands)
    kinds = [nest.streamed(access) for access in nest.outputs]
    carried = [n for n, is_streamed in enumerate(kinds) if not is_streamed]
    found = []
    for number, is_streamed in enumerate(kinds):
        if not is_streamed:
            continue
        if list(body.arguments[first + number].uses):
            return None
        after = [k for k, n in enumerate(carried) if yields[number] == yields[n]]
        before = [k for k, n in enumerate(carried) if yields[number] == body.arguments[first + n]]
        if not after and not before:
            return None
        found.append((after[0], True) if after else (before[0], False))
    return found


class BodyBuilder:
    """Rebuilds a body at the insertion point, on vectors of ``width`` lanes or on scalars."""

    def __init__(self, nest: Nest, width: int) -> None:
        self.nest = nest
        self.width = width

    def build(self, arguments: list[Any], index_of: Any) -> list[Any]:
        """The values that the body yields for ``arguments`` (scalars stand for all lanes).

        ``index_of(dim)`` gives the value of loop ``dim``, a vector for the vector loop.
        """
        values: dict[Any, Any] = dict(zip(self.nest.body.arguments, arguments, strict=True))
        operations = [op.operation for op in self.nest.body.operations]
        for op in operations[:-1]:
            if op.name == "linalg.index":
                values[op.results[0]] = index_of(op.attributes["dim"].value)
                continue
            values.update(zip(op.results, rebuild(op, values, self.width), strict=True))
        return [values.get(v, v) for v in operations[-1].operands]


def rebuild(op: Any, values: dict[Any, Any], width: int | Sequence[int]) -> list[Any]:
    """The results of ``op`` on what ``values`` has for its operands, on vectors if any is one.

    What is made has the place of ``op``. ``width`` is the shape of the vectors, or their length.
    """
    operands = [values.get(v, v) for v in op.operands]
    lanes = any(isinstance(v.type, mlir.VectorType) for v in operands)
    types = [r.type for r in op.results]
    if lanes:
        operands = [broadcast(v, width) for v in operands]
        types = [mlir.VectorType.get(_shape(width), t) for t in types]
    attributes = {name: op.attributes[name] for name in op.attributes}
    if op.name in _FLOAT_CONTRACT and str(attributes.get("fastmath")) == _NO_FASTMATH:
        # A product feeding a sum becomes one fused multiply-add, as C compilers do by default.
        attributes["fastmath"] = mlir.Attribute.parse("#arith.fastmath<contract>")
    return list(
        mlir.Operation.create(
            op.name, results=types, operands=operands, attributes=attributes, loc=_place(op)
        ).results
    )


_NO_FASTMATH = "#arith.fastmath<none>"


def _place(op: Any) -> Any:
    """The location of ``op``; None, for the one in force, where it has none (named operations)."""
    return None if op.location == mlir.Location.unknown(op.context) else op.location


def broadcast(value: Any, width: int | Sequence[int]) -> Any:
    """``value`` on every lane of a vector of this length or shape; vectors are returned as they
    are."""
    if isinstance(value.type, mlir.VectorType):
        return value
    type_ = mlir.VectorType.get(_shape(width), value.type)
    owner = value.owner
    if not isinstance(owner, mlir.Block) and owner.name == "arith.constant":
        splat = mlir.DenseElementsAttr.get_splat(type_, owner.attributes["value"])
        return dialect("arith").ConstantOp(type_, splat).result
    return dialect("vector").broadcast(type_, value)


def counted(first: Any, width: int) -> Any:
    """``first`` (an index) and the numbers after it, on ``width`` lanes."""
    type_ = mlir.VectorType.get([width], first.type)
    # Not vector.step: the instruction that it becomes not every code generator has (SPIR-V's).
    numbers = [mlir.IntegerAttr.get(first.type, n) for n in range(width)]
    lanes = dialect("arith").ConstantOp(type_, mlir.DenseElementsAttr.get(numbers, type_)).result
    return dialect("arith").addi(broadcast(first, width), lanes)


def _shape(width: int | Sequence[int]) -> list[int]:
    return [width] if isinstance(width, int) else list(width)


def evaluate(value: Any, known: Mapping[Any, Any], width: int | Sequence[int]) -> Any:
    """``value``, computed anew from what ``known`` has for values it depends on.

    On vectors of ``width`` lanes (or of that shape) if anything in ``known`` is one. Values of
    outside are used as they are, constants are made anew, and so is what a body computes from them
    alone.
    """
    values = dict(known)

    def visit(current: Any) -> Any:
        if current in values:
            return values[current]
        owner = current.owner
        if isinstance(owner, mlir.Block):
            return current
        if owner.name == "arith.constant":
            attribute = owner.attributes["value"]
            values[current] = dialect("arith").ConstantOp(current.type, attribute).result
            return values[current]
        if not _of_a_body(owner) and not any(_depends(v, values) for v in owner.operands):
            return current
        for operand in owner.operands:
            values[operand] = visit(operand)
        made = rebuild(owner.operation, values, width)
        values.update(zip(owner.results, made, strict=True))
        return values[current]

    return visit(value)


def _of_a_body(operation: Any) -> bool:
    """Whether ``operation`` stands in the body of a linalg operation, and ends with it."""
    parent = operation.operation.parent
    return parent is not None and parent.name.startswith("linalg.")


def _depends(value: Any, known: Mapping[Any, Any]) -> bool:
    if value in known:
        return True
    owner = value.owner
    return not isinstance(owner, mlir.Block) and any(_depends(v, known) for v in owner.operands)


def copied_value(value: Any, body: Any, known: dict[Any, Any]) -> Any:
    """``value`` of ``body`` computed again at the insertion point, from what is ``known``."""
    if value in known:
        return known[value]
    owner = value.owner
    if isinstance(owner, mlir.Block) or owner.operation.block != body:
        return value  # a scalar from outside
    operands = [copied_value(operand, body, known) for operand in owner.operands]
    copy = owner.operation.clone()
    for number, operand in enumerate(operands):
        copy.operands[number] = operand
    known.update(zip(owner.results, copy.results, strict=True))
    return known[value]
