"""Regions and blocks as written: their parts, and which block dominates which (section 5.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pharos.core.errors import Note, UserError
from pharos.core.span import Span
from pharos.lisp.values import List, Symbol, Value, Vector, describe


@dataclass(slots=True)
class Block:
    """One block: its label, its arguments as (name, type, span), and its operations."""

    label: str | None
    span: Span | None
    arguments: list[tuple[str, Value, Span | None]] = field(default_factory=list)
    body: list[Value] = field(default_factory=list)


def split_blocks(region: List) -> list[Block]:
    """The blocks of a region form. Forms outside a block go into the last one, or a first one."""
    blocks: list[Block] = []
    for item in region.items[1:]:
        if isinstance(item, List) and item.head == "block":
            blocks.append(_block(item))
            continue
        if not blocks:
            blocks.append(Block(None, item.span))
        blocks[-1].body.append(item)
    _check_labels(blocks)
    return blocks


def _block(form: List) -> Block:
    rest = form.items[1:]
    block = Block(None, form.span)
    if rest and is_label(rest[0]):
        label = rest[0]
        assert isinstance(label, Symbol)
        block.label = label.text
        rest = rest[1:]
    if rest and isinstance(rest[0], Vector):
        block.arguments = [_argument(item) for item in rest[0].items]
        rest = rest[1:]
    block.body = rest
    return block


def _argument(item: Value) -> tuple[str, Value, Span | None]:
    if isinstance(item, Symbol):
        raise UserError(
            f"missing type for block argument: {item.text}",
            span=item.span,
            hint=f"write (: {item.text} TYPE)",
        )
    if not (isinstance(item, List) and item.head == ":" and len(item.items) == 3):
        raise UserError(
            f"invalid block argument: expected (: name type), got {describe(item)}", span=item.span
        )
    name = item.items[1]
    if not isinstance(name, Symbol):
        raise UserError(
            f"invalid block argument: expected a name, got {describe(name)}", span=name.span
        )
    return name.text, item.items[2], item.span


def is_label(value: Value) -> bool:
    """Whether ``value`` is a block label."""
    return isinstance(value, Symbol) and value.text.startswith("^")


def _check_labels(blocks: list[Block]) -> None:
    seen: dict[str, Block] = {}
    for block in blocks:
        if block.label is None:
            continue
        if block.label in seen:
            raise UserError(
                f"block label {block.label} is used twice in one region",
                span=block.span,
                notes=[Note("the first time", seen[block.label].span)],
            )
        seen[block.label] = block


def dominators(blocks: Sequence[Block]) -> list[int | None]:
    """For each block, the nearest other block that every way to it goes through, if any.

    The successors of a block are the labels that its operations name.
    """
    if len(blocks) == 1:
        return [None]
    index = {block.label: i for i, block in enumerate(blocks) if block.label is not None}
    before: list[set[int]] = [set() for _ in blocks]
    for i, block in enumerate(blocks):
        for label in _labels_in(block.body):
            if label in index:
                before[index[label]].add(i)
    above = _all_dominators(before)
    return [
        max(over, key=lambda i: len(above[i]), default=None)
        for over in (above[i] - {i} for i in range(len(blocks)))
    ]


def _all_dominators(before: list[set[int]]) -> list[set[int]]:
    """For each block the set of blocks that dominate it, itself included; block 0 is the entry.

    A block that no way leads to counts as dominated by itself alone.
    """
    reached = _reached(before)
    above = [set(reached) if i in reached else {i} for i in range(len(before))]
    above[0] = {0}
    changed = True
    while changed:
        changed = False
        for i in sorted(reached - {0}):
            new = {i} | set.intersection(*(above[j] for j in before[i] if j in reached))
            changed = changed or new != above[i]
            above[i] = new
    return above


def _reached(before: list[set[int]]) -> set[int]:
    """The blocks that some way from block 0 leads to."""
    reached = {0}
    while True:
        new = {i for i, ways in enumerate(before) if ways & reached} - reached
        if not new:
            return reached
        reached |= new


def _labels_in(forms: Sequence[Value]) -> Iterator[str]:
    for form in forms:
        if is_label(form):
            assert isinstance(form, Symbol)
            yield form.text
        elif isinstance(form, List) and form.head not in ("region", "do", "block"):
            yield from _labels_in(form.items)
