"""Descriptors: the schema, its errors with places, and YAML back and forth."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_strategies import identifiers, literals, stages, strings

from pharos.core.errors import ErrorList, UserError
from pharos.pipeline import (
    UNSET,
    Descriptor,
    Parameter,
    Registry,
    from_yaml,
    load_descriptor,
    parse_stage,
    to_yaml,
)
from pharos.pipeline.values import Value

EXAMPLE = """\
name: tile
description: Tiles what is there.
parameters:
  tile_m: {type: int, default: 32, min: 1, max: 512, description: rows of a block}
  sizes:
    type: list of list of int
    default: [[8, 32], [4]]
  mode: {type: string, choices: [inner, outer]}
stages:
  - pass: canonicalize{max-iterations=3}
  - func.func(cse)
  - schedule: tile{m=$tile_m
                   sizes=$sizes}
    as: tiling
"""


def test_example() -> None:
    assert from_yaml(EXAMPLE) == Descriptor(
        name="tile",
        description="Tiles what is there.",
        parameters=(
            Parameter("tile_m", "int", 32, 1, 512, description="rows of a block"),
            Parameter("sizes", "list of list of int", [[8, 32], [4]]),  # type: ignore[arg-type]
            Parameter("mode", "string", choices=("inner", "outer")),
        ),
        stages=(
            parse_stage("canonicalize{max-iterations=3}"),
            parse_stage("func.func(cse)"),
            parse_stage("schedule: tile{m=$tile_m sizes=$sizes} as tiling"),
        ),
    )


def test_places_survive_folding() -> None:
    stage = from_yaml(EXAMPLE, file="d.yaml").stages[2]
    assert str(stage.span) == "d.yaml:12:5"
    assert str(stage.options.span("m")) == "d.yaml:12:20"  # type: ignore[union-attr]
    assert str(stage.options.span("sizes")) == "d.yaml:13:20"  # type: ignore[union-attr]


def parameters(name: str) -> st.SearchStrategy[Parameter]:
    kinds: dict[str, st.SearchStrategy[Value]] = {
        "int": st.integers(-100, 100),
        "float": st.floats(-100, 100),
        "bool": st.booleans(),
        "string": strings,
    }

    def of_type(type_: str) -> st.SearchStrategy[Parameter]:
        bounded = type_ in ("int", "float")
        item = kinds[type_]
        plain = st.builds(
            Parameter,
            name=st.just(name),
            type=st.just(type_),
            default=st.none() | st.just(UNSET) | item,
            minimum=st.none() | st.integers(-200, -100) if bounded else st.none(),
            maximum=st.none() | st.integers(100, 200) if bounded else st.none(),
            description=strings,
        )
        lists = st.builds(
            Parameter,
            name=st.just(name),
            type=st.just(f"list of list of {type_}"),
            default=st.just(UNSET) | st.lists(st.lists(item, max_size=2), max_size=2),
        )
        chosen = st.lists(item, min_size=1, max_size=3).flatmap(
            lambda choices: st.builds(
                Parameter,
                name=st.just(name),
                type=st.just(type_),
                default=st.sampled_from(choices),
                choices=st.just(tuple(choices)),
            )
        )
        return plain | lists | chosen

    return st.sampled_from(sorted(kinds)).flatmap(of_type)


descriptors = st.builds(
    Descriptor,
    name=strings.filter(bool),
    description=strings,
    parameters=st.lists(identifiers, unique=True, max_size=3)
    .flatmap(lambda names: st.tuples(*map(parameters, names)))
    .map(tuple),
    stages=st.lists(stages, max_size=3).map(tuple),
)


@given(descriptors)
@settings(deadline=None, max_examples=40)
def test_descriptor_survives_yaml(descriptor: Descriptor) -> None:
    assert from_yaml(to_yaml(descriptor)) == descriptor


@given(literals())
def test_default_survives_yaml(value: Value) -> None:
    names = {bool: "bool", int: "int", float: "float", str: "string"}
    parameter = Parameter("p", names.get(type(value), "int"), value)
    read = from_yaml(to_yaml(Descriptor("d", parameters=(parameter,)))).parameters[0]
    assert repr(read.default) == repr(value)


P = "name: d\nstages: []\nparameters:\n  p:"
ERRORS = [
    ("", "1:1", "expected a YAML mapping, found nothing"),
    ("a: [", "1:5", "not valid YAML: while parsing a flow node, expected the node content"),
    ("a: b: c", "1:5", "not valid YAML: mapping values are not allowed here"),
    ("\x07", "1:1", "not valid YAML: special characters are not allowed"),
    ("- cse", "1:1", "expected a descriptor: a mapping with the keys name, description"),
    ("name: d", "1:1", "expected the key 'stages'"),
    ("stages: []\nstage: []", "2:1", "unknown key 'stage' in a descriptor; expected name, "),
    ("stages: []\nstages: []", "2:1", "key 'stages' is given twice"),
    ("stages: []\nname: [a]", "2:7", "expected 'name' to be text"),
    ("stages: cse", "1:9", "expected 'stages' to be a list of stages"),
    ("stages: &a []", "1:9", "expected a value, found a YAML anchor or alias"),
    ("stages: *a", "1:9", "expected a value, found a YAML anchor or alias"),
    ("stages: !!python/name:os.system x", "1:9", "expected a value without a YAML tag"),
    ("stages: []\n---\nstages: []", "2:1", "not valid YAML: expected a single document"),
    ("[a]: 1\nstages: []", "1:1", "expected a key that is a single word"),
    ("stages:\n- [cse]", "2:3", "expected a stage, found a list"),
    ("stages:\n- {}", "2:3", "expected one kind of stage (pass, schedule, transform, include,"),
    ("stages:\n- flarp: a", "2:3", "expected one kind of stage (pass, schedule, transform, inc"),
    ("stages:\n- pass: a\n  select: b", "2:3", "found pass and select"),
    ("stages:\n- pass: a{b=1,c=2}", "2:14", "expected a blank between options, found ','"),
    ("stages:\n- pass: 'a{\n\n    b=[}'", "4:8", "expected a value, found '}'"),
    ('stages:\n- pass: "a{b=[}"', "2:15", "expected a value, found '}'"),
    ('stages:\n- pass: "a\\x7b b=[}"', "2:9", "expected a value, found '}'"),
    ("stages:\n- |\n  a{\n  b=[}", "4:6", "expected a value, found '}'"),
    ("stages:\n- pass:", "2:8", "expected the name of a pass, found the end of the text"),
    ("stages:\n- pass: {options: {}}", "2:9", "expected the key 'name'"),
    ("stages:\n- pass: {name: a, opts: {}}", "2:19", "unknown key 'opts' in a pass; expected"),
    ("stages:\n- schedule: [a, b]", "2:13", "expected the name of one schedule, found a list"),
    ("stages:\n- schedule: {name: []}", "2:20", "expected a name"),
    ("stages:\n- schedule: {name: a, option: {}}", "2:23", "unknown key 'option' in a schedule"),
    ("stages:\n- schedule: {name: a, options: [b]}", "2:32", "expected options as a mapping"),
    ("stages:\n- schedule: {name: a, options: {b: }}", "2:35", "expected a value, found nothing"),
    ("stages:\n- schedule: {name: a, options: {b: {}}}", "2:36", "expected a value, found a map"),
    ("stages:\n- schedule: {name: a, options: {b: .inf}}", "2:36", "expected a finite number"),
    ("stages:\n- schedule: {name: a, options: {b: $x-y}}", "2:36", "expected a parameter's name"),
    ("stages:\n- pass: cse\n  as: all", "3:7", "expected a label of letters, digits"),
    ("stages:\n- pass: cse as a\n  as: b", "3:3", "expected one label, found two"),
    ("stages: []\nparameters: [a]", "2:13", "expected 'parameters' to be a mapping, name: {"),
    (P + " 3", "4:6", "parameter 'p': expected a mapping with the keys type, default, min"),
    (P + " {default: 3}", "4:3", "parameter 'p': expected the key 'type'"),
    (P + " {type: int, defualt: 3}", "4:18", "unknown key 'defualt' in parameter 'p'"),
    (P + " {type: tensor}", "4:3", "parameter 'p': expected a type (int, float, bool, string"),
    (P + " {type: int, default: x}", "4:27", "parameter 'p': expected int, found x (string)"),
    (P + " {type: int, default: $q}", "4:27", "parameter 'p': expected int, found $q (refere"),
    (P + " {type: int, default: 9, max: 8}", "4:27", "parameter 'p': expected at most 8, foun"),
    (P + " {type: int, min: low}", "4:23", "parameter 'p': expected 'min' to be a number, fou"),
    (P + " {type: int, choices: 3}", "4:27", "parameter 'p': expected 'choices' to be a list"),
    (P + " {type: int, choices: [a]}", "4:3", "parameter 'p': expected int, found a (string)"),
]


@pytest.mark.parametrize(("text", "place", "message"), ERRORS)
def test_error_has_place_and_message(text: str, place: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        from_yaml(text, file="d.yaml")
    assert (str(caught.value.span), message) == (f"d.yaml:{place}", message)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("stages: []\nparameter: {}", "did you mean 'parameters'?"),
        ("stages:\n- shedule: a", "did you mean 'schedule'?"),
        (P + " {type: int, defualt: 3}", "did you mean 'default'?"),
        (P + " {type: list}", "say what the elements are, as in 'list of int'"),
        (P + " {type: strin}", "did you mean 'string'?"),
    ],
)
def test_error_names_the_nearest(text: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        from_yaml(text)
    assert caught.value.hint == hint


def test_all_wrong_stages_are_reported() -> None:
    with pytest.raises(ErrorList) as caught:
        from_yaml("stages:\n- a{\n- cse\n- b(", file="d.yaml")
    assert [str(error.span) for error in caught.value.errors] == ["d.yaml:2:5", "d.yaml:4:5"]


def test_deep_yaml_is_refused_not_crashed_on() -> None:
    with pytest.raises(UserError, match="expected at most 72 levels of nesting"):
        from_yaml("stages: " + "[" * 3000 + "]" * 3000)


def test_python_descriptor_is_checked() -> None:
    with pytest.raises(UserError, match="parameter 'p' is declared twice"):
        Descriptor("d", parameters=(Parameter("p", "int"), Parameter("p", "bool")))
    with pytest.raises(UserError, match="expected a descriptor's name, found none"):
        Descriptor("")


def test_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = tmp_path / "packaged"
    (packaged / "x86").mkdir(parents=True)
    (packaged / "x86" / "tile.yaml").write_text("description: packaged\nstages: [cse]")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("own.yaml").write_text("\ufeffdescription: own\nstages: []", encoding="utf-8")
    registry = Registry(descriptors=(packaged,))
    assert load_descriptor("x86/tile", registry).name == "tile"
    assert load_descriptor("x86/tile.yaml", registry).description == "packaged"
    assert load_descriptor("own.yaml", registry).description == "own"
    assert load_descriptor(tmp_path / "here" / "own.yaml", registry).description == "own"


def test_a_bare_name_is_not_taken_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("default.yaml").write_text("stages: []")
    with pytest.raises(UserError, match="expected a file 'default' in no folder; there is none"):
        load_descriptor("default", Registry())


def test_load_errors(tmp_path: Path) -> None:
    (tmp_path / "tiling.yaml").write_text("stages: []")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    registry = Registry(descriptors=(tmp_path,))
    with pytest.raises(UserError) as caught:
        load_descriptor("tilling", registry)
    assert f"expected a file 'tilling' in {tmp_path}; there is none" in caught.value.message
    assert caught.value.hint == "did you mean 'tiling'?"
    with pytest.raises(UserError, match=r"did you mean 'tiling\.yaml'\?"):
        load_descriptor("tilling.yaml", registry)
    with pytest.raises(UserError, match="expected UTF-8 text, found byte 0xe9 at offset 9"):
        load_descriptor("latin", registry)
    with pytest.raises(UserError, match=r"expected a file 'x{5000}'"):
        load_descriptor("x" * 5000, registry)
    with pytest.raises(UserError, match="there is none"):
        load_descriptor("a\0b.yaml", registry)
