"""Which forms have a body, and what stands on the line of their head: a table for the formatter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pharos.lisp.format.tree import Atom, Group, Node, Quoted


@dataclass(frozen=True)
class Rule:
    """How a form whose head is in the table is laid out when it does not fit on a line.

    The first ``leads`` items after the head stay on its line; the others, the body, go below it,
    indented by two. With ``statements`` a body of several forms always does. ``beside`` lets the
    body start on the line of the head where it was written so. ``pairs`` puts the items of the
    body on lines two by two.
    """

    leads: Callable[[Sequence[Node]], int]
    statements: bool = True
    beside: bool = False
    pairs: bool = False


def _first(count: int) -> Callable[[Sequence[Node]], int]:
    return lambda items: min(count, len(items))


def _after_map(count: int) -> Callable[[Sequence[Node]], int]:
    """``count`` items, and an attribute map in front of them."""
    return lambda items: min(count + _is(items, 0, "{"), len(items))


def _function(items: Sequence[Node]) -> int:
    """``name [parameters] -> type`` or a beginning of it."""
    count = 1 + _is(items, 1, "[")
    if _is_atom(items, count, "->"):
        count += 2
    return min(count, len(items))


def _block(items: Sequence[Node]) -> int:
    """``^label [arguments]``, both optional."""
    first = items[0] if items else None
    label = isinstance(first, Atom) and first.text.startswith("^")
    return label + _is(items, int(label), "[")


def _for(items: Sequence[Node]) -> int:
    """``[i from to step]``, or ``{:result T} [i from to step] [name start]``."""
    if not _is(items, 0, "{"):
        return min(1, len(items))
    return 1 + _is(items, 1, "[") + (_is(items, 1, "[") and _is(items, 2, "["))


def statements(body: Sequence[Node]) -> int:
    """How many forms of ``body`` are statements, as far as one sees: ``~@x`` may be none."""
    return sum(not (isinstance(node, Quoted) and node.mark == "~@") for node in body)


def _is(items: Sequence[Node], index: int, opening: str) -> bool:
    item = items[index] if index < len(items) else None
    return isinstance(item, Group) and item.opening == opening


def _is_atom(items: Sequence[Node], index: int, text: str) -> bool:
    item = items[index] if index < len(items) else None
    return isinstance(item, Atom) and item.text == text


# Columns that a body is deeper than its form.
INDENT = 2

_NONE = _first(0)
_ONE = _first(1)
RULES: dict[str, Rule] = {
    "defn": Rule(_function),
    "block": Rule(_block),
    "let": Rule(_ONE),
    "when": Rule(_ONE),
    "while": Rule(_ONE),
    "for": Rule(_for),
    "module": Rule(_NONE),
    "region": Rule(_NONE),
    "do": Rule(_NONE, beside=True),
    "if": Rule(_after_map(1), statements=False),
    "cond": Rule(_after_map(0), statements=False, pairs=True),
    "loop": Rule(_after_map(1), statements=False, pairs=True),
    "defstruct": Rule(_ONE, statements=False),
    "compilation": Rule(_NONE, statements=False),
    "compilation-cpu": Rule(_NONE, statements=False),
    "compilation-gpu": Rule(_ONE, statements=False),
    "target": Rule(_ONE, statements=False),
    "passes": Rule(_NONE, statements=False),
    "func-passes": Rule(_NONE, statements=False),
    "gpu-passes": Rule(_NONE, statements=False),
}

# Forms whose one value goes on the line of the name where it fits, else below, indented by two.
BINDINGS = frozenset({"def"})
# Lists that are arguments of an operation but stand on lines of their own.
REGIONS = frozenset({"region", "do"})
# Forms whose first item is a vector of names and values.
BINDING_VECTORS = frozenset({"let"})
# Short forms whose second column is aligned over consecutive lines.
TABLES = frozenset({"deftype"})


def rule_of(group: Group) -> Rule | None:
    """The rule for the list ``group``; None for operations, calls, vectors and maps."""
    return RULES.get(group.head)


def is_region(node: Node) -> bool:
    """Whether ``node`` is a region argument."""
    return isinstance(node, Group) and node.head in REGIONS


def is_block(node: Node) -> bool:
    """Whether ``node`` is a block of a region."""
    return isinstance(node, Group) and node.head == "block"
