"""Elementwise operations: what one is called, and which belong together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pharos.payload.bodies import Expression, Interner, scalar_constant, yields
from pharos.payload.contraction import copies_input
from pharos.payload.graph import Node, Read
from pharos.payload.maps import Size, loops_of
from pharos.payload.structured import Structured

_SHOWN = 4


def is_elementwise(node: Node) -> bool:
    """Whether each element of the output is computed from single elements of the inputs."""
    nest = node.structured
    return (
        nest is not None
        and not nest.reductions
        and node.name != "linalg.fill"
        and not copies_input(nest)
        and not reads_elsewhere(nest)
    )


def reads_elsewhere(nest: Structured) -> bool:
    """Whether the body loads elements itself, at places that it computes."""
    loads = ("tensor.extract", "memref.load")
    return any(operation.operation.name in loads for operation in nest.body.operations)


@dataclass(eq=False)
class Group:
    """Elementwise nodes over loops of the same sizes, each but the first reading another's output;
    no other operation stands between two of them."""

    number: int
    sizes: tuple[Size, ...]
    nodes: list[Node] = field(default_factory=list)


def groups_of(nodes: list[Node], free: set[Node]) -> list[Group]:
    """The groups that the nodes of ``free`` make; ``nodes`` are all of the function in order."""
    groups: list[Group] = []
    of_node: dict[Node, Group] = {}
    behind: dict[Node, int] = {}  # groups that a node depends on, as bits
    for node in nodes:
        sources = [read.node for read in node.reads if read.node is not None]
        mask = 0
        for source in sources:
            mask |= behind.get(source, 0)
            mask |= 1 << of_node[source].number if source in of_node else 0
        behind[node] = mask
        if node not in free:
            continue
        group = _joined(node, sources, of_node, behind)
        if group is None:
            assert node.structured is not None
            group = Group(len(groups), node.structured.sizes)
            groups.append(group)
        group.nodes.append(node)
        of_node[node] = group
    return groups


def _joined(
    node: Node, sources: list[Node], of_node: dict[Node, Group], behind: dict[Node, int]
) -> Group | None:
    """The last group that ``node`` reads from and can stand right behind."""
    assert node.structured is not None
    candidates = {of_node[s].number: of_node[s] for s in sources if s in of_node}
    for number in sorted(candidates, reverse=True):
        group = candidates[number]
        others = [s for s in sources if of_node.get(s) is not group]
        if group.sizes == node.structured.sizes and not any(
            behind[other] >> number & 1 for other in others
        ):
            return group
    return None


def name_of(node: Node) -> str:
    """What the elementwise ``node`` does, in a word where there is one."""
    nest = node.structured
    assert nest is not None
    interner = Interner()
    arguments = [_argument(interner, read, n) for n, read in enumerate(node.reads)]
    loops = [f"i{n}" for n in range(nest.loops)]

    def outside(value: Any) -> Expression:
        constant = scalar_constant(value)
        return interner.make("scalar") if constant is None else interner.constant(constant)

    made = yields(interner, nest, arguments, loops, outside)
    if len(made) != 1:
        return "+".join(_operators(interner, made)[:_SHOWN]) or "several"
    return _named(interner, node, nest, arguments, made[0])


def _argument(interner: Interner, read: Read, number: int) -> Expression:
    """An operand: a number where it is filled with one."""
    source, value = read.node, read.value
    if source is not None and source.name == "linalg.fill":
        value = source.operation.operands[0]
    constant = scalar_constant(value)
    if constant is not None:
        return interner.constant(constant)
    return interner.make("argument", number)


def _named(
    interner: Interner,
    node: Node,
    nest: Structured,
    arguments: list[Expression],
    made: Expression,
) -> str:
    operators = _operators(interner, [made])
    found = interner.form(made)
    if made in arguments:
        return "cast"
    if found[0] == "max" and interner.constant(0.0) in found[1:] and operators == ["max"]:
        return "relu"
    if found[0] == "add" and len(operators) == 1 and set(found[1:]) <= set(arguments):
        used = [arguments.index(one) for one in found[1:]]
        return "bias" if any(repeats(nest, node.reads[n], n) for n in used) else "add"
    if len(operators) == 1 and any(interner.number(a) is not None for a in found[1:]):
        return {"mul": "scale", "div": "scale", "add": "shift", "sub": "shift"}.get(
            found[0], operators[0]
        )
    if "erf" in operators and "mul" in operators:
        return "gelu"
    if "tanh" in operators and operators.count("mul") + operators.count("add") >= 2:
        return "gelu"
    if _is_sigmoid(interner, made):
        return "sigmoid"
    if found[0] == "mul" and any(_is_sigmoid(interner, a) for a in found[1:]):
        return "silu"
    if sorted(operators) == ["max", "min"]:
        return "clamp"
    return "+".join(operators[:_SHOWN]) or "generate"


def repeats(nest: Structured, read: Read, operand: int) -> bool:
    """Whether an operand has one value for several elements."""
    wide = {d for d in range(nest.loops) if nest.sizes[d] != 1}
    source = read.node.structured if read.node is not None else None
    if source is not None and copies_input(source):
        return loops_of(source.accesses[0]) != loops_of(source.accesses[1])
    return not wide <= loops_of(nest.accesses[operand])


def _is_sigmoid(interner: Interner, made: Expression) -> bool:
    """1 / (1 + exp(-x))"""
    divided = interner.matches(made, "div")
    if divided is None or interner.number(divided[0]) != 1:
        return False
    total = interner.matches(divided[1], "add")
    if total is None or interner.constant(1.0) not in total:
        return False
    return any(interner.operator(one) == "exp" for one in total)


def _operators(interner: Interner, made: list[Expression]) -> list[str]:
    """The operators of expressions, inner ones first, each application once."""

    def visit(one: Expression) -> Iterator[str]:
        if one in seen:
            return
        seen.add(one)
        operator, *arguments = interner.form(one)
        if operator in ("argument", "constant", "scalar", "value", "index"):
            return
        for argument in arguments:
            yield from visit(argument)
        yield str(operator).partition(" ")[0].replace("cmp", "compare")

    seen: set[Expression] = set()
    return [operator for one in made for operator in visit(one)]
