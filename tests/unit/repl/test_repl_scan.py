"""The scanner of unfinished text: it takes everything, and knows when a form is whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pharos.tools.language.scan import is_blank, is_complete, scan
from pharos.tools.repl.terminal import coloured, indentation


@given(st.text(alphabet=st.sampled_from('()[]{}"\\;<>`~@^:-. \nab1,e/#'), max_size=40))
def test_every_character_is_in_one_token(text):
    assert "".join(token.text for token in scan(text)) == text
    assert "".join(piece for piece, _ in coloured(text)) == text
    is_complete(text)
    indentation(text)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("(+i 1 x)", "open symbol number symbol close"),
        ("memref<?x4xf32, strided<[1], offset: ?>>", "symbol"),
        ("(: x !llvm.struct<(i64, ptr)>)", "open colon symbol symbol close"),
        ('"a\\"b" ; c', "string comment"),
        ("^bb0 :key `x ~@y", "label keyword quote symbol quote symbol"),
        ("-5 - -x 1e3", "number symbol symbol number"),
        ("a, #b", "symbol bad bad symbol"),
        ("(<i a b)", "open symbol symbol symbol close"),
        ("(f x<y)", "open symbol bad close"),
    ],
)
def test_kinds(text, kinds):
    found = [token.kind for token in scan(text) if token.kind != "space"]
    assert found == kinds.split()


@pytest.mark.parametrize(
    "text", ["(a b)", "a", "(a)(b)", "(a))", "(a ; (\n)", '"a(b"', "", "; x", "(f x<y)", "(a]"]
)
def test_complete(text):
    assert is_complete(text)


@pytest.mark.parametrize(
    "text", ["(a", "(a ; )", '"a', '"a\\"', "(: x memref<4x", "`", "(a) (b [", "{:a 1"]
)
def test_incomplete(text):
    assert not is_complete(text)


def test_blank():
    assert is_blank(" \n ; c\n")
    assert not is_blank(" a")


@pytest.mark.parametrize(
    ("text", "columns"), [("(a", 2), ("(a (b", 5), ("(a)", 0), ("(a [", 4), ("(a\n  (b c)", 2)]
)
def test_indentation(text, columns):
    assert indentation(text) == columns
