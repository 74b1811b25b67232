"""Tokens: section 2 of the language reference."""

from __future__ import annotations

import pytest

from pharos.core.errors import UserError
from pharos.lisp.tokens import Source, tokenize


def tokens(text: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokenize(Source(text, "t.lisp"))]


def texts(text: str) -> list[str]:
    return [text for _, text in tokens(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("()[]{}", ["(", ")", "[", "]", "{", "}"]),
        ("`a ~b ~@c", ["`", "a", "~", "b", "~@", "c"]),
        ("; all\n;; of it\nx ; rest", ["x"]),
        (":a.b-c_d :_x :-y", [":a.b-c_d", ":_x", ":-y"]),
        ("(: x i32)", ["(", ":", "x", "i32", ")"]),
        ("(:5 i32)", ["(", ":", "5", "i32", ")"]),
        ("(:x i32)", ["(", ":x", "i32", ")"]),
        ("^a-b", ["^a", "-b"]),
        ("12abc", ["12", "abc"]),
        ("-5 - 5 -x +5", ["-5", "-", "5", "-x", "+5"]),
        ("1.5e-3 1E5 2e+4 5.", ["1.5e-3", "1E5", "2e+4", "5", "."]),
        ("a/b x? y! *z* <=i -> ... %arg", ["a/b", "x?", "y!", "*z*", "<=i", "->", "...", "%arg"]),
        ("/i /ui", ["/i", "/ui"]),
        ('"a\nb" "\\"" ""', ['"a\nb"', '"\\""', '""']),
    ],
)
def test_texts(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "memref<64x768xf32>",
        "memref<?x?xf32>",
        "tensor<*xf32>",
        "tuple<i32, f32>",
        "!llvm.array<12 x i8>",
        "!llvm.struct<(i64, ptr)>",
        "!llvm.func<i32 (ptr, ...)>",
        "affine_map<(d0, d1) -> (d1, d0 * 4 + 1)>",
        "affine_set<(d0) : (d0 - 2 >= 0)>",
        "array<i32: 1, 0, 0>",
        "array<i64: -9223372036854775808, 0>",
        "dense<[1, 2, 3]>",
        "memref<8xf32, strided<[1], offset: ?>>",
        "!llvm.array<2 x !llvm.ptr>",
        "affine_map<(d0)\n  -> (d0)>",
        "memref<4xf32, #gpu.address_space<workgroup>>",
    ],
)
def test_a_type_is_one_token(text: str) -> None:
    assert tokens(f"{text} x") == [("symbol", text), ("symbol", "x")]


def test_the_first_character_does_not_nest() -> None:
    assert texts("(<i a b) (<=i a) (> a)") == [
        "(", "<i", "a", "b", ")", "(", "<=i", "a", ")", "(", ">", "a", ")",
    ]  # fmt: skip


def test_spans_count_lines_and_code_points() -> None:
    source = Source("é (\n\t→x", "t.lisp")
    assert str(source.span(2, 3)) == "t.lisp:1:3"
    span = source.span(2, 6)
    assert (span.line, span.column, span.end_line, span.end_column) == (1, 3, 2, 3)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("(a, b)", "1:3", "unexpected character ',' at line 1, column 3"),
        ("\n  #x", "2:3", "unexpected character '#' at line 2, column 3"),
        ("'x", "1:1", "unexpected character ''' at line 1, column 1"),
        ("a & b", "1:3", "unexpected character '&' at line 1, column 3"),
        ("a | b", "1:3", "unexpected character '|' at line 1, column 3"),
        ("$x", "1:1", "unexpected character '$' at line 1, column 1"),
        ("\\x", "1:1", "unexpected character '\\' at line 1, column 1"),
        ("^-a", "1:1", "unexpected character '^' at line 1, column 1"),
        ('x\n "abc\n', "2:2", "string is not terminated"),
        ('"abc\\"', "1:1", "string is not terminated"),
        ("1e", "1:1", "invalid number '1e'"),
        ("(foo 2.5e+ 1)", "1:6", "invalid number '2.5e'"),
        ("(x memref<4xf32)", "1:10", "'<' is not closed in 'memref<4xf32)'"),
        ("memref<4xf32", "1:7", "'<' is not closed in 'memref<4xf32'"),
        ('array<"a">', "1:6", "'<' is not closed"),
    ],
)
def test_errors(text: str, place: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        texts(text)
    assert str(caught.value.span) == f"t.lisp:{place}"
    assert caught.value.message.startswith(message)


def test_a_comma_gets_a_hint() -> None:
    with pytest.raises(UserError) as caught:
        texts("[1, 2]")
    assert caught.value.hint is not None
    assert "separated by blanks" in caught.value.hint
