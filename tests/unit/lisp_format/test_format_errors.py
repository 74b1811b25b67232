"""Text that cannot be read is not formatted: the reader's error, with its place."""

from __future__ import annotations

import pytest

from pharos.core.errors import UserError
from pharos.lisp.format import format_text


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("(f\n  (g)", "x.lisp:1:1", "unclosed '('"),
        ("(f))", "x.lisp:1:4", "unexpected ')'"),
        ("(f]", "x.lisp:1:3", "unexpected ']', expected ')'"),
        ('\n (f "text)', "x.lisp:2:5", "string is not terminated"),
        ("(f a, b)", "x.lisp:1:5", "unexpected character ','"),
        ("{a 1}", "x.lisp:1:2", "map key must be a keyword"),
        ("{:a}", "x.lisp:1:2", "map is missing the value of :a"),
        ("(f `)", "x.lisp:1:5", "expected a form after '`'"),
        ("(f 1e)", "x.lisp:1:4", "invalid number '1e'"),
        ("(f memref<4)", "x.lisp:1:10", "'<' is not closed"),
        ("(" * 300 + ")" * 300, "x.lisp:1:201", "nested more than 200 deep"),
    ],
)
def test_text_that_cannot_be_read(text: str, place: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        format_text(text, "x.lisp")
    assert str(caught.value.span) == place
    assert message in caught.value.message


def test_the_deepest_nesting_that_can_be_read() -> None:
    text = "(f " * 200 + "x" + ")" * 200
    result = format_text(text)
    assert format_text(result) == result
    assert "".join(result.split()) == "".join(text.split())


def test_nothing() -> None:
    assert format_text("") == ""
    assert format_text(" \n\n\t\n") == ""
