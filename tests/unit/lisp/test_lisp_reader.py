"""Values, namespaces, printing: sections 2 and 3 of the language reference."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pharos.core.errors import UserError
from pharos.lisp import read, to_text
from pharos.lisp.namespaces import Namespaces
from pharos.lisp.values import (
    Bool,
    Keyword,
    List,
    Map,
    Nil,
    Number,
    String,
    Symbol,
    Value,
    Vector,
)


def one(text: str) -> Value:
    (value,) = read(text, "t.lisp")
    return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x", Symbol("x")),
        (":", Symbol(":")),
        ("^loop", Symbol("^loop")),
        ("42", Number(42)),
        ("-7", Number(-7)),
        ("9007199254740993", Number(9007199254740993)),
        ("-9223372036854775808", Number(-9223372036854775808)),
        ("1.0", Number(1.0)),
        ("1e3", Number(1000.0)),
        ('"a\\n\\r\\t\\0\\\\\\"\\x"', String('a\n\r\t\0\\"x')),
        ('"\\00"', String("\x000")),
        (":a.b", Keyword("a.b")),
        ("true", Bool(True)),
        ("false", Bool(False)),
        ("nil", Nil()),
        ("()", List([])),
        ("[1 x]", Vector([Number(1), Symbol("x")])),
        ("{:a 1 :b.c x}", Map({"a": Number(1), "b.c": Symbol("x")})),
        ("{:a 1 :a 2}", Map({"a": Number(2)})),
        ("`x", List([Symbol("quasiquote"), Symbol("x")])),
        ("~x", List([Symbol("unquote"), Symbol("x")])),
        ("~@(x)", List([Symbol("unquote-splice"), List([Symbol("x")])])),
        ("``x", List([Symbol("quasiquote"), List([Symbol("quasiquote"), Symbol("x")])])),
        ("memref<2x\n   4xf32>", Symbol("memref<2x 4xf32>")),
    ],
)
def test_values(text: str, value: Value) -> None:
    assert one(text) == value


def test_an_integer_is_not_the_float_of_the_same_size() -> None:
    assert one("1") != one("1.0")
    assert one("0.0") != one("-0.0")


def spans(value: Value) -> list[str]:
    span = value.span
    assert span is not None
    found = [f"{span.line}:{span.column}-{span.end_line}:{span.end_column}"]
    items = value.items if isinstance(value, List | Vector) else []
    items = list(value.entries.values()) if isinstance(value, Map) else items
    return found + [span for item in items for span in spans(item)]


def test_every_value_has_a_span() -> None:
    value = one('\n  (a [1 "x\ny"]\n {:k ~b})')
    assert spans(value) == [
        "2:3-4:10", "2:4-2:5", "2:6-3:4", "2:7-2:8", "2:9-3:3", "4:2-4:9", "4:6-4:8", "4:6-4:8",
        "4:7-4:8",
    ]  # fmt: skip
    assert isinstance(value, List)
    last = value.items[-1]
    assert isinstance(last, Map)
    assert str(last.key_spans["k"]) == "t.lisp:4:3"


# -- namespaces ------------------------------------------------------------------------------------


def names(text: str) -> list[str]:
    return [value.text for value in read(text, "t.lisp") if isinstance(value, Symbol)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(require-dialect arith) arith.addi", ["arith.addi"]),
        ("(require-dialect arith func) func.call arith.addi", ["func.call", "arith.addi"]),
        ("(require-dialect [arith :as a]) a/addi a.addi arith.addi", ["arith.addi"] * 3),
        ("(use-dialect llvm) llvm.mlir.constant", ["llvm.mlir.constant"]),
        ("(f (g (require-dialect scf))) scf.reduce.return", ["scf.reduce.return"]),
        ('(require ["x.lisp" :as u]) u/f u.f', ["u/f", "u/f"]),
        ("Point/x Point/x!", ["Point/x", "Point/x!"]),
        ("!llvm.ptr ... !llvm.array<2 x i8>", ["!llvm.ptr", "...", "!llvm.array<2 x i8>"]),
        ("memref<8xf32, strided<[1], offset: ?>> a<b.c/d>", None),
        ("/i /ui a/", ["/i", "/ui", "a/"]),
    ],
)
def test_namespaces(text: str, expected: list[str] | None) -> None:
    assert names(text) == (expected or ["memref<8xf32, strided<[1], offset: ?>>", "a<b.c/d>"])


def test_a_require_holds_only_from_its_end_on() -> None:
    with pytest.raises(UserError) as caught:
        read("arith.addi\n(require-dialect arith)", "t.lisp")
    assert caught.value.message == "unknown dialect 'arith' in 'arith.addi'"
    assert caught.value.hint == "did you forget (require-dialect arith)?"
    assert str(caught.value.span) == "t.lisp:1:1"


def test_requires_may_be_in_force_from_before() -> None:
    namespaces = Namespaces()
    read("(require-dialect [arith :as a])", namespaces=namespaces)
    assert read("a/addi", namespaces=namespaces) == [Symbol("arith.addi")]


# -- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (")", "1:1", "unexpected ')': nothing is open here"),
        ("(a]", "1:3", "unexpected ']', expected ')'"),
        ("[a)", "1:3", "unexpected ')', expected ']'"),
        ("{:a 1]", "1:6", "unexpected ']', expected '}'"),
        ("(a\n (b", "2:2", "unclosed '(': expected a closing parenthesis ')'"),
        ("x [1 2", "1:3", "unclosed '[': expected a closing bracket ']'"),
        ("{:a", "1:1", "unclosed '{': expected a closing brace '}'"),
        ("{a 1}", "1:2", "map key must be a keyword"),
        ("{:a 1 2}", "1:7", "map key must be a keyword"),
        ('{"a" 1}', "1:2", "map key must be a keyword"),
        ("{:a 1 :b}", "1:7", "map is missing the value of :b"),
        ("(a `)", "1:5", "expected a form after '`', got ')'"),
        ("~", "1:1", "expected a form after '~', got the end of the file"),
        ("foo.bar", "1:1", "unknown dialect 'foo' in 'foo.bar'"),
        ("(f @mod.fn)", "1:4", "unknown dialect '@mod' in '@mod.fn'"),
        (
            "(require-dialect)",
            "1:1",
            "require-dialect: wrong number of arguments, expected at least 1, got 0",
        ),
        ('(require-dialect "a")', "1:18", "require-dialect: expected a symbol or a vector"),
        ("(require-dialect [a :is b])", "1:21", "require-dialect: expected"),
        ('(require "x")', "1:10", "require: expected a vector"),
        ('(require ["x"])', "1:10", "require: expected a vector"),
        ("1" * 1001, "1:1", "invalid number: 1001 digits are too many"),
        ("(" * 250, "1:201", "forms are nested more than 200 deep"),
    ],
)
def test_errors(text: str, place: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read(text, "t.lisp")
    assert caught.value.message.startswith(message)
    assert str(caught.value.span) == f"t.lisp:{place}"


def test_a_mismatch_shows_both_brackets() -> None:
    with pytest.raises(UserError) as caught:
        read("(a\n  [b)", "t.lisp")
    assert str(caught.value) == (
        "t.lisp:2:5: error: unexpected ')', expected ']'\n"
        "    [b)\n"
        "      ^\n"
        "t.lisp:2:3: note: to close this '['\n"
        "    [b)\n"
        "    ^"
    )


def test_a_near_dialect_is_suggested() -> None:
    with pytest.raises(UserError) as caught:
        read("(require-dialect arith)\n(aritn.addi a b)", "t.lisp")
    assert caught.value.hint == "did you mean 'arith'?"


# -- printing --------------------------------------------------------------------------------------

_START = "abcXYZ_!?*+=<>@%"
_REST = _START.replace("<", "") + "09-"
_NAMES = st.builds(
    lambda first, rest: first + rest, st.sampled_from(_START), st.text(_REST, max_size=6)
).filter(lambda name: name not in ("true", "false", "nil"))
_TYPES = st.sampled_from(
    ["i32", "!llvm.ptr", "memref<?x4xf32>", "array<i64: -1, 0>", "->", "...", ":", "^a", "/i"]
)
_KEYS = st.from_regex(r"[A-Za-z_\-][A-Za-z0-9\-_.]{0,5}", fullmatch=True)
_ATOMS = st.one_of(
    st.builds(Symbol, _NAMES | _TYPES),
    st.builds(String, st.text(max_size=12)),
    st.builds(Number, st.integers() | st.floats(allow_nan=False)),
    st.builds(Keyword, _KEYS),
    st.builds(Bool, st.booleans()),
    st.just(Nil()),
)


def _collections(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(List, st.lists(inner, max_size=4)),
        st.builds(Vector, st.lists(inner, max_size=4)),
        st.builds(Map, st.dictionaries(_KEYS, inner, max_size=3)),
    )


@given(st.recursive(_ATOMS, _collections, max_leaves=20))
def test_what_was_printed_reads_back_equal(value: Value) -> None:
    assert read(to_text(value), namespaces=Namespaces(lenient=True)) == [value]


@given(st.text(alphabet=st.sampled_from('()[]{}`~@^:;"<>,#\\ \n-.019aefx!/'), max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        read(text, "t.lisp")
    except UserError as error:
        assert error.span is not None
        assert error.span.file == "t.lisp"
