"""What the user sees of an error."""

from pharos.core.errors import ErrorList, InternalError, Note, UserError, nearest, render
from pharos.core.span import Span, register_source, source_line


def test_place_line_caret_and_hint():
    register_source("model.lisp", "(def a 1)\n(matmul x y)\n")
    error = UserError(
        "matmul needs equal inner sizes, got 768 and 64",
        span=Span("model.lisp", 2, 2, 2, 8),
        hint="transpose the second operand",
    )
    assert render(error) == (
        "model.lisp:2:2: error: matmul needs equal inner sizes, got 768 and 64\n"
        "  (matmul x y)\n"
        "   ^~~~~~\n"
        "hint: transpose the second operand"
    )


def test_a_span_over_lines_is_marked_to_the_end_of_its_first():
    register_source("a", "(one\n two)")
    assert render(UserError("m", span=Span("a", 1, 1, 2, 5))).endswith("  (one\n  ^~~~")


def test_tabs_keep_the_caret_under_its_character():
    register_source("tabs", "\t\tx")
    assert render(UserError("m", span=Span("tabs", 1, 3))).endswith("\t\tx\n  \t\t^")


def test_a_very_long_line_is_shown_in_part():
    register_source("long", "a" * 300 + "BAD" + "b" * 300)
    _, line, caret = render(UserError("m", span=Span("long", 1, 301, 1, 304))).split("\n")
    assert line.startswith("  ...aaa") and line.endswith("bbb...") and len(line) < 130
    assert line[caret.index("^") : len(caret)] == "BAD" and caret.endswith("^~~")


def test_notes_carry_their_own_places():
    register_source("b", "first\nsecond")
    error = UserError("m", span=Span("b", 1, 1), notes=[Note("see here", Span("b", 2, 1))])
    assert "b:2:1: note: see here\n  second\n  ^" in render(error)


def test_without_a_source_the_place_alone_is_shown():
    assert render(UserError("m", span=Span("/no/such/file", 3, 4))) == (
        "/no/such/file:3:4: error: m"
    )


def test_a_list_shows_every_error():
    text = str(ErrorList([UserError("one"), UserError("two")]))
    assert text == "error: one\nerror: two"


def test_an_internal_error_names_its_reproducer():
    assert str(InternalError("broken", reproducer="out/1")) == (
        "internal error: broken\nreproducer: out/1"
    )


def test_nearest_name():
    assert nearest("cannonicalize", ["canonicalize", "cse"]) == "did you mean 'canonicalize'?"
    assert nearest("zzz", ["canonicalize", "cse"]) is None


def test_lines_are_read_from_files(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"one\r\ntwo")
    assert source_line(Span(str(path), 1, 1)) == "one"
    assert source_line(Span(str(path), 3, 1)) is None
