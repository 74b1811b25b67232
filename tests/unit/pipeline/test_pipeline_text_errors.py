"""What is wrong in a stage's text is said with its line and column."""

from __future__ import annotations

import pytest

from pharos.core.errors import UserError
from pharos.core.span import source_line
from pharos.pipeline import Options, Pass, PassStage, Reference, ScheduleStage
from pharos.pipeline.grammar import parse_assignment, parse_stage, parse_value
from pharos.pipeline.values import MAX_DEPTH

ERRORS = [
    ("", "1:1", "expected the name of a pass, found the end of the text"),
    ("a b", "1:3", "expected the end of the text, found 'b'"),
    ("a,", "1:3", "expected the name of a pass, found the end of the text"),
    ("a(b", "1:4", "expected ')' for the '(' at 1:2, found the end of the text"),
    ("a()", "1:3", "expected the name of a pass, found ')'"),
    ("a(b){c=1}", "1:5", "expected ',' after the passes nested under 'a', found options"),
    ("a{b", "1:4", "expected '}' for the '{' at 1:2, found the end of the text"),
    ("a{b=}", "1:5", "expected a value, found '}'"),
    ("a{b=[1,\n 2}", "2:3", "expected ']' for the '[' at 1:5, found '}'"),
    ("a{b=[1,]}", "1:8", "expected a value, found ']'"),
    ("a{b=1,c=2}", "1:6", "expected a blank between options, found ','"),
    ("a{b=1 b=2}", "1:7", "option 'b' is given twice"),
    ("a{b=x=y}", "1:6", "expected the name of an option, found '='"),
    ('a{b="x}', "1:5", 'expected a closing " for this one'),
    ("a{b='x}", "1:5", "expected a closing ' for this one"),
    ('a{b="\\q"}', "1:6", "unknown escape '\\q'"),
    ('a{b="\\u{d800}"}', "1:6", "unknown escape '\\u'"),
    ('a{b="\\u{110000}"}', "1:6", "unknown escape '\\u'"),
    ('a{b="\\u{+1}"}', "1:6", "unknown escape '\\u'"),
    ('a{b="\\', "1:6", "unknown escape '\\'"),
    ("a{b=$}", "1:5", "expected a parameter's name after '$'"),
    ("a{b=$tile-m}", "1:5", "expected a parameter's name (letters, digits and _)"),
    ("a{b=x$y}", "1:6", "expected the name of an option, found '$y'"),
    ("a{b=1e999}", "1:5", "expected a finite number, found inf"),
    ("a{b=-inf}", "1:5", "expected a finite number, found -inf"),
    ("a{b=NaN}", "1:5", "expected a finite number, found NaN"),
    ("a{b=010}", "1:5", "expected a number without leading zeros, found 010"),
    (f"a{{b={'9' * 5000}}}", "1:5", "expected an integer of at most 64 bits"),
    ("a{b=18446744073709551616}", "1:5", "expected an integer of at most 64 bits"),
    ("a{b=x#y}", "1:6", "unexpected character '#'"),
    ("passs: a", "1:1", "expected a kind of stage (pass, schedule, transform, include, select,"),
    ("schedule: ", "1:11", "expected a name after 'schedule:', found the end of the text"),
    ("schedule: a,b", "1:12", "expected the end of the text, found ','"),
    ("schedule: ''", "1:11", "expected a name after 'schedule:'"),
    ("a as", "1:5", "expected a label after 'as', found the end of the text"),
    ("a as all", "1:6", "expected a label of letters, digits and the characters"),
    ("a as 'b c'", "1:6", "expected a label of letters, digits and the characters"),
    (f"a{{b={'[' * 100}}}", "1:70", "expected at most 66 open brackets"),
    (f"a{{b={'[' * 40}1{']' * 40}}}", "1:3", "expected lists nested at most 32 deep"),
    (f"{'f(' * 40}a{')' * 40}", "1:17", "expected passes nested at most 32 deep"),
]


@pytest.mark.parametrize(("text", "place", "message"), ERRORS)
def test_error_has_place_and_message(text: str, place: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_stage(text, file="cli")
    assert f"cli:{place}" == str(caught.value.span)
    assert message in caught.value.message


def test_error_shows_the_line_and_a_hint() -> None:
    with pytest.raises(UserError) as caught:
        parse_stage("canonicalize,\n  cse{size=1,top=2}", file="cli")
    assert str(caught.value).splitlines() == [
        "cli:2:13: error: expected a blank between options, found ','",
        "    cse{size=1,top=2}",
        "              ^",
        "hint: options are separated by blanks; a list is written [1, 2]",
    ]


def test_texts_without_a_file_are_told_apart() -> None:
    stages = [parse_stage(text) for text in ("one", "two", "one")]
    places = [stage.span for stage in stages]
    assert places[0] != places[1]
    assert places[0] == places[2]
    assert [source_line(span) for span in places if span] == ["one", "two", "one"]


def test_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(UserError) as caught:
        parse_stage("shedule: tile")
    assert caught.value.hint == "did you mean 'schedule'?"


def test_parts_of_a_stage_know_their_places() -> None:
    stage = parse_stage("a,\n f(b{x=$y})", file="cli")
    assert isinstance(stage, PassStage)
    inner = stage.passes[1].nested[0]
    assert (str(stage.span), str(inner.span)) == ("cli:1:1", "cli:2:4")
    assert str(inner.options.span("x")) == "cli:2:6"
    reference = inner.options["x"]
    assert isinstance(reference, Reference)
    assert str(reference.span) == "cli:2:8"


def test_assignment() -> None:
    assert parse_assignment("tile_m=8") == ("tile_m", 8)
    assert parse_assignment("sizes = [1, 2]") == ("sizes", (1, 2))
    with pytest.raises(UserError, match="expected '=' and a value after 'a', found the end"):
        parse_assignment("a")
    with pytest.raises(UserError, match="expected a parameter's name, found 'a-b'"):
        parse_assignment("a-b=1")
    with pytest.raises(UserError, match="1:7: error: expected the end of the text, found '2'"):
        parse_assignment("a = 1 2")


def test_a_list_as_mlir_writes_it() -> None:
    stage = parse_stage(
        "scf-parallel-loop-tiling{parallel-loop-tile-sizes=16,16 no-min-max-bounds}"
    )
    options = stage.passes[0].options
    assert options["parallel-loop-tile-sizes"] == (16, 16)
    assert options["no-min-max-bounds"] is True


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("inf"), "expected a finite number, found inf"),
        (float("nan"), "expected a finite number, found nan"),
        (1 << 64, "expected an integer of at most 64 bits"),
        (-(1 << 63) - 1, "expected an integer of at most 64 bits"),
        ({"a": 1}, "expected none, a bool, an int, a float, a string, a reference or a list of"),
        ("\ud800", "expected a string of valid Unicode"),
    ],
)
def test_python_values_are_held_to_the_same_rules(value: object, message: str) -> None:
    with pytest.raises(UserError) as caught:
        ScheduleStage("s", Options({"a": [value]}))
    assert caught.value.message.startswith(f"option 'a': {message}")


def test_python_lists_nest_as_deep_as_texts() -> None:
    value: object = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    stage = ScheduleStage("s", Options({"a": value}))
    assert parse_stage(str(stage)) == stage
    with pytest.raises(UserError, match="nested at most 32 deep"):
        Options({"a": [value]})


def test_python_forms_are_checked() -> None:
    with pytest.raises(UserError, match="expected at least one pass, found none"):
        PassStage(())
    with pytest.raises(UserError, match="expected a pass, found ''"):
        Pass("")
    with pytest.raises(UserError, match="expected options or nested passes, found both on 'f'"):
        Pass("f", Options({"a": 1}), (Pass("cse"),))
    with pytest.raises(UserError, match="expected a name after 'schedule:', found ''"):
        ScheduleStage("")
    with pytest.raises(UserError, match=r"expected a parameter's name .*, found 'a-b'"):
        Reference("a-b")
    with pytest.raises(UserError, match="option 'a' is given twice"):
        Options([("a", 1), ("a", 2)])


def test_value_alone() -> None:
    assert parse_value("[1, [x, 'y z']]") == (1, ("x", "y z"))
    with pytest.raises(UserError, match=r"<value \d+>:1:3: error: expected the end of the text"):
        parse_value("1 2")
