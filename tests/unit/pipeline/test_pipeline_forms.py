"""Text, YAML and Python forms of a stage convert into each other without loss."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from pipeline_strategies import stages, values

from pharos.pipeline.grammar import parse_stage, parse_value
from pharos.pipeline.stages import (
    DeclaredStage,
    IncludeStage,
    Pass,
    PassStage,
    ScheduleStage,
    SelectStage,
    TransformStage,
)
from pharos.pipeline.values import Options, Reference, Value, format_value
from pharos.pipeline.yaml_form import stage_from_yaml, stage_to_yaml


def same(left: Value, right: Value) -> bool:
    """Equality that tells 1, 1.0, true, 0.0 and -0.0 apart, written without our formatter."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and repr(left) == repr(right)


@given(values)
def test_value_survives_its_text(value: Value) -> None:
    assert same(parse_value(format_value(value)), value)


@given(stages)
@settings(max_examples=150, deadline=None)
def test_stage_survives_every_form(stage: DeclaredStage) -> None:
    assert parse_stage(str(stage)) == stage
    assert stage_from_yaml(stage_to_yaml(stage)) == stage
    assert stage_from_yaml(stage_to_yaml(stage, spelled_out=True)) == stage


@given(stages)
@settings(deadline=None, max_examples=50)
def test_python_form_is_an_expression(stage: DeclaredStage) -> None:
    import pharos.pipeline.stages as forms

    names = {**vars(forms), "Reference": Reference}
    assert eval(repr(stage), names) == stage


@given(stages)
@settings(deadline=None, max_examples=50)
def test_texts_are_canonical(stage: DeclaredStage) -> None:
    text = str(stage)
    assert str(parse_stage(text)) == text
    assert text.isprintable()


OPTIONS = [
    ("a=0x10 b=-0.5 c=1e-3 d=none e=+5", {"a": 16, "b": -0.5, "c": 1e-3, "d": None, "e": 5}),
    ("a=aggressive b=sm_90 c", {"a": "aggressive", "b": "sm_90", "c": True}),
    ("u=\"\\u{1f600}\\n\" v='a\\n'", {"u": "😀\n", "v": "a\\n"}),
    ("n=[[1, 2],\n[3, -4]] e=[]", {"n": [[1, 2], [3, -4]], "e": []}),
    ('sizes=[8,32] mode="a b"', {"sizes": [8, 32], "mode": "a b"}),
    ("a=$b c=[$d]", {"a": Reference("b"), "c": [Reference("d")]}),
    ("", {}),
]


@pytest.mark.parametrize(("text", "options"), OPTIONS)
def test_options_mean(text: str, options: dict[str, Value]) -> None:
    assert parse_stage(f"schedule:s{{{text}}}") == ScheduleStage("s", Options(options))


NESTED = Pass("func.func", nested=(Pass("canonicalize"), Pass("cse", Options({"a": 1}))))


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("canonicalize", PassStage((Pass("canonicalize"),))),
        (" pass : cse\n", PassStage((Pass("cse"),))),
        ("cse{n=3}", PassStage((Pass("cse", Options({"n": 3})),))),
        ("func.func(canonicalize,cse{a=1}),sccp", PassStage((NESTED, Pass("sccp")))),
        ("x86/foo.yaml{tile=8}", IncludeStage("x86/foo.yaml", Options({"tile": 8}))),
        ("'my file.yml'", IncludeStage("my file.yml")),
        ("tile.mlir{sequence=a}", TransformStage("tile.mlir", Options({"sequence": "a"}))),
        ("pass: odd.yaml", PassStage((Pass("odd.yaml"),))),
        ("select: pick as chosen", SelectStage("pick", label="chosen")),
    ],
)
def test_text_means(text: str, stage: DeclaredStage) -> None:
    assert parse_stage(text) == stage


@pytest.mark.parametrize(
    "yaml",
    [
        "schedule: 'tile{sizes=[8, 32] mode=\"a b\" n=$n}'",
        "schedule: tile{sizes=[8, 32]\n    mode='a b'\n    n=$n}",
        "schedule: {name: tile, options: {sizes: [8, 32], mode: a b, n: $n}}",
        "schedule:\n  name: tile\n  options:\n    sizes: [8, 32]\n    mode: 'a b'\n    n: $n\n",
        "'schedule: tile{sizes=[8,32] mode=\"a b\" n=$n}'",
    ],
)
def test_yaml_spellings_mean_the_same(yaml: str) -> None:
    options = Options({"sizes": (8, 32), "mode": "a b", "n": Reference("n")})
    assert stage_from_yaml(yaml) == ScheduleStage("tile", options)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2001-01-01", "2001-01-01"),
        ("1_000", "1_000"),
        ("0x1F", 31),
        ("1e5", 100000.0),
        ("none", None),
        ("~", None),
        ("true", True),
    ],
)
def test_plain_yaml_words_follow_our_rules_not_yamls(word: str, value: Value) -> None:
    """PyYAML would make a bool, a number in base 60 or a date of some of these."""
    stage = stage_from_yaml(f"schedule: {{name: s, options: {{a: {word}}}}}")
    assert isinstance(stage, ScheduleStage)
    assert same(stage.options["a"], value)


def test_a_list_of_passes_is_one_stage() -> None:
    stage = stage_from_yaml("pass:\n- canonicalize,cse\n- {name: func.func, passes: [sccp]}")
    assert str(stage) == "pass: canonicalize,cse,func.func(sccp)"


def test_options_tell_types_apart() -> None:
    assert Options({"a": 1}) != Options({"a": True})
    assert Options({"a": 1}) != Options({"a": 1.0})
    assert Options({"a": 1, "b": 2}) == {"b": 2, "a": 1}
    assert hash(Options({"a": 1, "b": 2})) == hash(Options({"b": 2, "a": 1}))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("func.func(canonicalize)", "canonicalize"),
        ("func.func(canonicalize,cse)", "canonicalize+cse"),
        ("a,b,func.func(c)", "a..c"),
        ("schedule: tile", "tile"),
        ("lib/tile_all.mlir", "tile_all"),
        ("a,b as tidy", "tidy"),
    ],
)
def test_labels(text: str, label: str) -> None:
    stage = parse_stage(text)
    assert (stage.label or stage.default_label) == label
