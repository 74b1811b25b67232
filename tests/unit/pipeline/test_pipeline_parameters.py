"""Parameters hold values to their type, bounds and choices."""

from __future__ import annotations

from typing import Any

import pytest

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.pipeline import Parameter
from pharos.pipeline.values import Value

HERE = Span("d.yaml", 7, 3)


@pytest.mark.parametrize(
    ("type_", "given", "kept"),
    [
        ("int", 3, 3),
        ("float", 3, 3.0),
        ("float", -0.5, -0.5),
        ("bool", False, False),
        ("string", "10", "10"),
        ("list of int", [], ()),
        ("list of float", [1, 2.5], (1.0, 2.5)),
        ("list of list of int", [[1], [2, 3]], ((1,), (2, 3))),
    ],
)
def test_accepts(type_: str, given: Any, kept: Value) -> None:
    value = Parameter("p", type_).check(given)
    assert repr(value) == repr(kept)


@pytest.mark.parametrize(
    ("type_", "given", "message"),
    [
        ("int", 3.0, "parameter 'p': expected int, found 3.0 (float)"),
        ("int", True, "parameter 'p': expected int, found true (bool)"),
        ("int", "3", "parameter 'p': expected int, found \"3\" (string)"),
        ("int", None, "parameter 'p': expected int, found none (none)"),
        ("int", [3], "parameter 'p': expected int, found [3] (list)"),
        ("float", True, "parameter 'p': expected float, found true (bool)"),
        ("float", float("nan"), "parameter 'p': expected a finite number, found nan"),
        ("bool", 1, "parameter 'p': expected bool, found 1 (int)"),
        ("string", 1.5, "parameter 'p': expected string, found 1.5 (float)"),
        ("list of int", 3, "parameter 'p': expected list of int, found 3 (int)"),
        ("list of int", [1, "a"], "parameter 'p': expected list of int, found [1, a] (list)"),
        ("list of list of int", [1], "parameter 'p': expected list of list of int, found [1]"),
        ("int", {}, "parameter 'p': expected none, a bool, an int, a float, a string,"),
    ],
)
def test_refuses_another_type(type_: str, given: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        Parameter("p", type_, span=HERE).check(given, span=Span("u.yaml", 2, 9))
    assert caught.value.message.startswith(message)
    assert str(caught.value.span) == "u.yaml:2:9"
    assert [str(note.span) for note in caught.value.notes] == ["d.yaml:7:3"]


def test_bounds() -> None:
    tile = Parameter("tile", "int", minimum=1, maximum=64)
    assert tile.check(1) == 1
    with pytest.raises(UserError, match="parameter 'tile': expected at least 1, found 0"):
        tile.check(0)
    with pytest.raises(UserError, match="parameter 'tile': expected at most 64, found 65"):
        tile.check(65)
    sizes = Parameter("sizes", "list of float", minimum=0)
    with pytest.raises(UserError, match=r"parameter 'sizes': expected at least 0, found -1\.0"):
        sizes.check([1, -1])


def test_choices() -> None:
    mode = Parameter("mode", "string", choices=("inner", "outer"))
    assert mode.check("outer") == "outer"
    with pytest.raises(UserError) as caught:
        mode.check("iner")
    assert caught.value.message == "parameter 'mode': expected one of inner, outer, found iner"
    assert caught.value.hint == "did you mean 'inner'?"


def test_none_is_accepted_where_it_is_the_default() -> None:
    assert Parameter("p", "int", default=None).check(None) is None
    with pytest.raises(UserError, match="expected int, found none"):
        Parameter("p", "int", default=1).check(None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a-b", "type": "int"}, "expected letters, digits and _ in a name, found 'a-b'"),
        ({"type": "integer"}, "expected a type (int, float, bool, string, or 'list of' one of"),
        ({"type": "list"}, "expected a type (int, float, bool, string, or 'list of' one of"),
        ({"type": ""}, "expected a type (int, float, bool, string, or 'list of' one of"),
        ({"type": "listof int"}, "expected a type (int, float, bool, string, or 'list of' one of"),
        ({"type": "int", "default": "a"}, "expected int, found a (string)"),
        ({"type": "int", "default": 0, "minimum": 1}, "expected at least 1, found 0"),
        ({"type": "int", "minimum": 1.5}, "expected 'min' to be a int, found 1.5"),
        ({"type": "string", "maximum": 1}, "'max' bounds numbers; the type is string"),
        ({"type": "int", "minimum": 2, "maximum": 1}, "min 2 is greater than max 1"),
        ({"type": "int", "choices": ("a",)}, "expected int, found a (string)"),
        ({"type": "int", "choices": (0, 1), "minimum": 1}, "expected at least 1, found 0"),
    ],
)
def test_declarations_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        Parameter(**{"name": "p", "span": HERE, **arguments})
    assert message in caught.value.message
    assert caught.value.span == HERE


def test_equality_tells_types_apart() -> None:
    assert Parameter("p", "float", default=1) == Parameter("p", "float", default=1.0)
    assert Parameter("p", "int", default=1) != Parameter("p", "float", default=1)
    assert Parameter("p", "int", default=None) != Parameter("p", "int")
