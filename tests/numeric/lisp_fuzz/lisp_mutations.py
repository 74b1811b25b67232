"""Programs that are a little or very wrong: changed ones, and random forms."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|;[^\n]*|[^\s()\[\]{}"]+|[()\[\]{}"]|\s+', re.DOTALL)
_OPEN, _CLOSE = ("(", "[", "{"), (")", "]", "}")
_ODD_FORMS = (
    "()", "[]", "{}", '""', '"\\0"', '"main"', "...", "->", "nil", "true", "nope", "0", "-1", "0.5",
    "1e999", "9223372036854775808", "i0", "i1", "i99", "f32", "bf16", "index", "!llvm.ptr", ":k",
    "memref<?xf32>", "vector<4xf32>", "vector<[4]xf32>", "tensor<*xf32>", "memref<-1xf32>",
    "complex<f32>", "tuple<i32, f32>", "array<i32: -1>", "affine_map<(d0) -> (d0)>", "@main",
    "main", "^b", "(: 0 index)", "(: 1 i1)", "(: 0.5 f32)", "(region)", "(block)", "(def x 1)",
    "(let [x 1] x)", "{:result i64}", "(null-ptr)", "`(a ~b ~@c)", "~x",
)  # fmt: skip
_ODD = (
    "", "(", ")", "[", "]", "{", "}", '"', ";", ":", "~@", "\x00", "é", "\n", ";; (\n", *_ODD_FORMS
)  # fmt: skip
_WRAPPERS = (
    ("(", ")"),
    ("[", "]"),
    ("{:k ", "}"),
    ("(do ", ")"),
    ("(region ", ")"),
    ("`", ""),
    ("~", ""),
)


@functools.cache
def corpus() -> tuple[Path, ...]:
    """The programs of the conformance suite, of the examples and of the package."""
    folders = ("tests/lisp", "examples", "pharos")
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.lisp"))]
    return tuple(path for path in found if path.stat().st_size < 40_000)


@functools.cache
def tokens(path: Path) -> tuple[str, ...]:
    """The text of ``path`` in pieces that make it again when they are joined."""
    return tuple(_TOKEN.findall(path.read_text(encoding="utf-8")))


def mutated(seed: int) -> tuple[Path, str]:
    """A program of the corpus, and its text with some changes, which ``seed`` decides."""
    choose = random.Random(seed)
    path = choose.choice(corpus())
    parts = list(tokens(path))
    other = tokens(choose.choice(corpus()))
    # Changes of whole forms leave the brackets in order, so that later stages see them.
    changes = _OF_TOKENS if choose.random() < 0.2 else _OF_FORMS
    for _ in range(choose.choice((1, 1, 1, 2, 3, 8))):
        if parts:
            choose.choice(changes)(choose, parts, other)
    return path, "".join(parts)


def _place(choose: random.Random, parts: Sequence[str]) -> int:
    """The index of a token that is neither white space nor a comment, where there is one."""
    for _ in range(30):
        at = choose.randrange(len(parts))
        if not parts[at].isspace() and not parts[at].startswith(";"):
            return at
    return 0


def _form(choose: random.Random, parts: Sequence[str]) -> tuple[int, int]:
    """Where a form starts and ends."""
    start = _place(choose, parts)
    depth = 0
    for at in range(start, len(parts)):
        depth += (parts[at] in _OPEN) - (parts[at] in _CLOSE)
        if depth <= 0:
            return start, at + 1 if depth == 0 else at
    return start, start + 1


def _some_form(choose: random.Random, parts: list[str], other: tuple[str, ...]) -> list[str]:
    where = choose.randrange(3)
    if where == 0:
        return [choose.choice(_ODD_FORMS)]
    source = other if where == 1 else parts
    start, end = _form(choose, source)
    return list(source[start:end])


def _change_form(choose: random.Random, parts: list[str], other: tuple[str, ...]) -> None:
    start, end = _form(choose, parts)
    parts[start:end] = _some_form(choose, parts, other)


def _leave_out_form(choose: random.Random, parts: list[str], other: tuple[str, ...]) -> None:
    start, end = _form(choose, parts)
    parts[start:end] = []


def _insert_form(choose: random.Random, parts: list[str], other: tuple[str, ...]) -> None:
    _, end = _form(choose, parts)
    parts[end:end] = [" ", *_some_form(choose, parts, other), " "]


def _wrap(choose: random.Random, parts: list[str], other: tuple[str, ...]) -> None:
    start, end = _form(choose, parts)
    before, after = choose.choice(_WRAPPERS)
    parts[start:end] = [before, *parts[start:end], after]


def _exchange(choose: random.Random, parts: list[str], other: tuple[str, ...]) -> None:
    (a, b), (c, d) = sorted((_form(choose, parts), _form(choose, parts)))
    if b <= c:
        parts[a:d] = [*parts[c:d], *parts[b:c], *parts[a:b]]


def _change(choose: random.Random, parts: list[str], other: tuple[str, ...]) -> None:
    parts[_place(choose, parts)] = choose.choice([*_ODD, *other, *parts])


def _leave_out(choose: random.Random, parts: list[str], other: tuple[str, ...]) -> None:
    at = _place(choose, parts)
    del parts[at : at + choose.choice((1, 2, 6))]


def _insert(choose: random.Random, parts: list[str], other: tuple[str, ...]) -> None:
    parts.insert(_place(choose, parts), f" {choose.choice([*_ODD, *other])} ")


def _cut(choose: random.Random, parts: list[str], other: tuple[str, ...]) -> None:
    del parts[_place(choose, parts) :]


def _mix(choose: random.Random, parts: list[str], other: tuple[str, ...]) -> None:
    start, at = choose.randrange(len(other)), _place(choose, parts)
    parts[at:at] = other[start : start + choose.randrange(1, 30)]


def _letter(choose: random.Random, parts: list[str], other: tuple[str, ...]) -> None:
    at = _place(choose, parts)
    text = parts[at]
    where = choose.randrange(len(text) + 1)
    parts[at] = text[:where] + choose.choice('()[]{}<>:;^~`@.,-x0 "') + text[where + 1 :]


_Change = Callable[[random.Random, list[str], tuple[str, ...]], None]
_OF_FORMS: tuple[_Change, ...] = (
    _change_form, _change_form, _change_form, _leave_out_form, _insert_form, _wrap, _exchange,
)  # fmt: skip
_OF_TOKENS: tuple[_Change, ...] = (_change, _leave_out, _insert, _cut, _mix, _letter)


@functools.cache
def vocabulary() -> tuple[str, ...]:
    """Every symbol, number and string of the corpus, and odd ones."""
    words = {token for path in corpus() for token in tokens(path)}
    plain = (word for word in words if word[0] not in " \n\t;" and word not in (*_OPEN, *_CLOSE))
    return tuple(sorted({*plain, *_ODD_FORMS} - {'"'}))
