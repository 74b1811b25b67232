"""From descriptors to pipelines: parameters, includes, selectors, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pharos.core.errors import ErrorList, InternalError, UserError
from pharos.pipeline import (
    Choice,
    CustomStage,
    Descriptor,
    Pipeline,
    Registry,
    ResolvedStage,
    ScheduleStage,
    flatten,
    from_yaml,
    load_descriptor,
    make_registry,
    parse_stage,
    to_yaml,
)

Write = Callable[..., Path]


def tile(context: Any, sizes: tuple[int, ...] = (), mode: str = "inner") -> Any:
    raise AssertionError("a schedule is not built before the pipeline runs")


def needs(context: Any, *, size: int) -> Any:
    raise AssertionError("a schedule is not built before the pipeline runs")


class Emit:
    name = "emit"

    def __init__(self, level: int = 0) -> None:
        if level > 3:
            raise UserError(f"expected a level up to 3, found {level}")
        self.level = level

    def run(self, module: Any, scope: Any) -> Any:
        return module


REGISTRY = make_registry(
    schedules=[("tile", tile), ("needs", needs), ("anything", lambda context, **options: None)],
    stages=[("emit", Emit), ("nothing", lambda: 3)],
)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(**files: str) -> Path:
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        return tmp_path / f"{next(iter(files))}.yaml"

    return write


def flat(path: Path, registry: Registry = REGISTRY, /, **values: Any) -> Pipeline:
    return flatten(load_descriptor(path, registry), values, registry)


def texts(pipeline: Pipeline) -> list[str]:
    return [str(stage.declared) for stage in pipeline.stages if isinstance(stage, ResolvedStage)]


def refused(path: Path, registry: Registry = REGISTRY, /, **values: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        flat(path, registry, **values)
    assert not isinstance(caught.value, ErrorList)
    return caught.value


def place(error: UserError) -> str:
    """The place of ``error`` without the folder."""
    return str(error.span).rpartition("/")[2]


def test_values_keep_their_types_through_references(write: Write) -> None:
    path = write(
        d="""
parameters:
  tile: {type: int, default: 4}
  tile_m: {type: int, default: 32}
  sizes: {type: list of list of int, default: [[1, 2], []]}
  text: {type: string, default: "10"}
stages:
- schedule: anything{a=$tile b=$tile_m c=[$tile, [$tile_m]] d=$sizes e=$text f="$tile"}
"""
    )
    (stage,) = flat(path, tile_m=64).stages
    assert isinstance(stage, ResolvedStage)
    assert isinstance(stage.declared, ScheduleStage)
    assert stage.declared.options == {
        "a": 4,
        "b": 64,
        "c": (4, (64,)),
        "d": ((1, 2), ()),
        "e": "10",
        "f": "$tile",
    }


def test_includes_see_only_their_arguments(write: Write) -> None:
    path = write(
        d="""
parameters: {tile: {type: int, default: 4}, other: {type: int, default: 5}}
stages:
- include: sub{tile=$other}
- include: sub.yaml
- include: sub.yaml{tile=$tile}
""",
        sub="""
parameters: {tile: {type: float, default: 1}}
stages: [ schedule: 'anything{t=$tile}' ]
""",
    )
    assert texts(flat(path)) == [f"schedule: anything{{t={v}}}" for v in ("5.0", "1.0", "4.0")]


def test_an_include_does_not_inherit_names(write: Write) -> None:
    path = write(
        d="parameters: {tile: {type: int, default: 4}}\nstages: [ include: sub.yaml ]",
        sub="stages:\n- schedule: anything{t=$tile}",
    )
    error = refused(path)
    assert place(error) == "sub.yaml:2:24"
    assert "found 'tile', which is no parameter of 'sub'; its parameters: none" in error.message


def test_include_search_path(tmp_path: Path, write: Write, monkeypatch: Any) -> None:
    packaged, elsewhere = tmp_path / "packaged", tmp_path / "elsewhere"
    packaged.mkdir()
    elsewhere.mkdir()
    (packaged / "sub.yaml").write_text("stages: [ pass: cse as packaged ]")
    (packaged / "only.yaml").write_text("stages: [ pass: cse as only ]")
    (elsewhere / "only.yaml").write_text("stages: [ pass: cse as wrong ]")
    monkeypatch.chdir(elsewhere)
    path = write(
        d="stages: [ include: sub.yaml, include: only ]", sub="stages: [ pass: cse as near ]"
    )
    registry = make_registry(descriptors=[packaged])
    assert flat(path, registry).labels == ["near", "only"]


def test_labels_are_unique(write: Write) -> None:
    path = write(
        d="stages: [cse, cse as cse-2, cse, include: sub.yaml, 'pass: sccp as tidy']",
        sub="stages: ['canonicalize,cse as tidy', {schedule: all}]",
    )
    registry = make_registry(schedules=[("all", tile)])
    labels = ["cse", "cse-2", "cse-3", "tidy", "all-2", "tidy-2"]
    assert flat(path, registry).labels == labels


def test_same_file_twice_is_no_cycle(write: Write) -> None:
    path = write(
        d="stages: [include: a, include: b]",
        a="stages: [include: c]",
        b="stages: [include: c]",
        c="stages: [cse]",
    )
    assert flat(path).labels == ["cse", "cse-2"]


def test_include_cycle_shows_the_chain(write: Write) -> None:
    path = write(
        a="stages:\n- include: b", b="stages:\n- cse\n- include: c.yaml", c="stages: [include: a]"
    )
    error = refused(path)
    names = [name.rpartition("/")[2] for name in error.message.split(" -> ")]
    assert error.message.startswith("include cycle: ")
    assert names == ["a.yaml", "b.yaml", "c.yaml", "a.yaml"]
    assert place(error) == "c.yaml:1:10"
    notes = [str(note.span).rpartition("/")[2] for note in error.notes]
    assert notes == ["b.yaml:3:3", "a.yaml:2:3"]


def test_include_of_itself(write: Write) -> None:
    assert "include cycle" in refused(write(a="stages: [include: a]")).message


P = "parameters: {tile: {type: int, min: 1}, tile_m: {type: int, default: 2}}\nstages:\n- "
ERRORS = [
    ("cze", "3:3", "MLIR has no pass 'cze'"),
    ("func.func(cse,cze)", "3:17", "MLIR has no pass 'cze'"),
    ("func.fun(cse)", "3:3", "expected an operation to nest passes under, found 'func.fun'"),
    ("cse{a=1}", "3:7", "pass 'cse' has no option 'a'"),
    ("schedule: tile{sizes=$tiel}", "3:24", "found 'tiel', which is no parameter of 'd'; its"),
    (
        "schedule: tiles",
        "3:3",
        "expected a registered schedule (tile, needs, anything), found 'til",
    ),
    ("schedule: tile{size=1}", "3:18", "schedule 'tile' has no option 'size'; its options: sizes"),
    ("schedule: tile{context=1}", "3:18", "schedule 'tile' has no option 'context'"),
    ("schedule: needs", "3:3", "schedule 'needs' needs the option 'size'"),
    ("stage: emits", "3:3", "expected a registered stage (emit, nothing), found 'emits'"),
    ("stage: emit{level=4}", "3:3", "expected a level up to 3, found 4"),
    ("select: a", "3:3", "expected a registered selector (none), found 'a'"),
    ("include: sub", "3:3", "expected a file 'sub' in "),
    ("transform: sub.mlir", "3:3", "expected a file 'sub.mlir' in "),
]


@pytest.mark.parametrize(("stage", "where", "message"), ERRORS)
def test_refused(write: Write, stage: str, where: str, message: str) -> None:
    error = refused(write(d=P + stage), tile=1)
    assert message in error.message
    assert place(error) == f"d.yaml:{where}"


def test_callers_values_are_checked(write: Write) -> None:
    path = write(d=P + "cse")
    error = refused(path)
    assert error.message == "parameter 'tile' of 'd' has no value"
    assert [str(note.span).rpartition("/")[2] for note in error.notes] == ["d.yaml:1:14"]
    error = refused(path, tile=0)
    assert error.message == "parameter 'tile': expected at least 1, found 0"
    assert place(error) == "d.yaml:1:14"
    error = refused(path, tile=1, tilem=2)
    assert "found 'tilem', which is no parameter of 'd'; its parameters: tile, tile_m" in str(error)
    assert error.hint == "did you mean 'tile_m'?"


SUB = """
parameters:
  rows: {type: int, max: 8}
  mode: {type: string, choices: [a, b]}
stages: []
"""


def test_include_arguments_are_checked_where_they_stand(write: Write) -> None:
    good = "rows=1 mode=a"
    assert flat(write(d=f"stages: [include: 'sub{{{good}}}']", sub=SUB)).stages == ()
    for arguments, column, message in (
        ("rows=9 mode=a", 17, "parameter 'rows': expected at most 8, found 9"),
        ("rows=x mode=a", 17, "parameter 'rows': expected int, found x (string)"),
        ("rows=1 mode=c", 24, "parameter 'mode': expected one of a, b, found c"),
        ("rows=1 mode=a row=3", 31, "found 'row', which is no parameter of 'sub'"),
    ):
        error = refused(write(d=f"stages:\n- include: sub{{{arguments}}}"))
        assert message in error.message
        assert place(error) == f"d.yaml:2:{column - 1}"
    error = refused(write(d="stages:\n- include: sub{rows=1}"))
    assert error.message == "parameter 'mode' of 'sub' has no value"
    assert place(error) == "d.yaml:2:3"


def test_errors_name_the_nearest(write: Write) -> None:
    for text, hint in (
        ("schedule: tiel", "did you mean 'tile'?"),
        ("schedule: tile{size=1}", "did you mean 'sizes'?"),
        ("stage: emti", "did you mean 'emit'?"),
        ("canonicalise", "did you mean 'canonicalize'?"),
        ("canonicalize{max-iteration=1}", "did you mean 'max-iterations'?"),
        ("llvm-request-c-wrappers", "write func.func(llvm-request-c-wrappers)"),
        ("include: dd", "did you mean 'd'?"),
    ):
        assert refused(write(d=f"stages:\n- {text}")).hint == hint


def test_all_wrong_stages_are_reported(write: Write) -> None:
    with pytest.raises(ErrorList) as caught:
        flat(write(d="stages:\n- cze\n- cse\n- include: sub", sub="stages:\n- a\n- schedule: b"))
    assert [place(error) for error in caught.value.errors] == [
        "d.yaml:2:3",
        "sub.yaml:2:3",
        "sub.yaml:3:3",
    ]


def test_a_stage_of_another_type_is_our_bug(write: Write) -> None:
    with pytest.raises(InternalError, match="stage 'nothing' is made as int, not a Stage"):
        flat(write(d="stages: [stage: nothing]"))


def test_custom_stage_gets_its_options(write: Write) -> None:
    path = write(d="parameters: {n: {type: int, default: 2}}\nstages: [stage: 'emit{level=$n}']")
    (stage,) = flat(path).stages
    assert isinstance(stage, ResolvedStage)
    assert stage.declared == CustomStage("emit", {"level": 2})  # type: ignore[arg-type]
    assert stage.runner.__self__.level == 2  # type: ignore[attr-defined]


SELECT = """
parameters:
  tile: {type: int, default: 4, max: 64}
  unroll: {type: int, default: 1}
stages:
- schedule: anything{tile=$tile unroll=$unroll}
- select: pick{bias=1}
"""


def selected(path: Path, selector: Callable[..., Any], **values: Any) -> Pipeline:
    registry = make_registry(
        schedules=REGISTRY.schedules.items(), selectors=[("pick", selector), ("again", selector)]
    )
    descriptor = load_descriptor(path, registry)
    return flatten(descriptor, values, registry, payload_facts=lambda: 31, target_facts=[8])


def test_selector_chooses_from_facts(write: Write) -> None:
    def pick(payload: int, target: list[int], bias: int = 0) -> dict[str, Any]:
        return {"tile": Choice(payload + bias, "rows of A"), "unroll": target[0]}

    pipeline = selected(write(d=SELECT), pick)
    assert texts(pipeline) == ["schedule: anything{tile=32 unroll=8}"]
    assert pipeline.parameters == {"tile": 32, "unroll": 8}
    explained = pipeline.explain()
    assert "tile = 32 (selector pick at " in explained
    assert "d.yaml:7:3: rows of A)" in explained


def test_the_callers_value_wins_over_a_selectors(write: Write) -> None:
    pipeline = selected(write(d=SELECT), lambda payload, target, bias: {"tile": 32}, tile=16)
    assert texts(pipeline) == ["schedule: anything{tile=16 unroll=1}"]
    assert str(pipeline.bindings[0].origin) == "caller"


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"tiles": 1}, "selector 'pick' chose 'tiles', which is no parameter of 'd'"),
        ({"tile": 65}, "parameter 'tile': expected at most 64, found 65"),
        ({"tile": "a"}, "parameter 'tile': expected int, found a (string)"),
    ],
)
def test_selectors_are_held_to_the_declaration(
    write: Write, chosen: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        selected(write(d=SELECT), lambda payload, target, bias: chosen)
    assert message in caught.value.message
    assert place(caught.value) == "d.yaml:7:3"


def test_selector_errors(write: Write) -> None:
    with pytest.raises(UserError, match="selectors 'pick' and 'again' both choose 'tile'"):
        selected(write(d=SELECT + "- select: again\n"), lambda payload, target, bias=0: {"tile": 3})
    with pytest.raises(UserError, match="chooses 'tile' after another selector used it"):
        selected(
            write(d=SELECT.replace("bias=1", "bias=$tile")),
            lambda payload, target, bias: {"tile": 3},
        )
    with pytest.raises(UserError, match="select 'pick' has no option 'bias'; its options: none"):
        selected(write(d=SELECT), lambda payload, target: {})
    with pytest.raises(InternalError, match="selector 'pick' returned int, not a mapping"):
        selected(write(d=SELECT), lambda payload, target, bias: 3)
    registry = make_registry(selectors=[("pick", lambda payload, target: {})])
    with pytest.raises(UserError, match="selector 'pick' needs a payload to look at"):
        flat(write(d="stages: [select: pick]"), registry)


def test_explain_says_where_values_come_from(tmp_path: Path, write: Write) -> None:
    path = write(
        d="""
parameters: {m: {type: int, default: 8}, n: {type: int, default: none}}
stages:
- include: sub{rows=$m}
- canonicalize{max-iterations=$n}
""",
        sub="parameters: {rows: {type: int}}\nstages: [schedule: 'tile{sizes=[$rows, 2]}']",
    )
    text = flat(path, m=16).explain().replace(f"{tmp_path}/", "")
    assert text.splitlines() == [
        "pipeline d: 2 stages",
        "  m = 16 (caller)",
        "  n = none (default at d.yaml:2:42)",
        "  1 tile  [sub.yaml:2:10]",
        "      schedule: tile{sizes=[16, 2]}",
        "      included at d.yaml:4:3",
        "      sizes: $rows = 16 (include argument at d.yaml:4:16, from caller)",
        "  2 canonicalize  [d.yaml:5:3]",
        "      pass: canonicalize{max-iterations=none}",
        "      canonicalize.max-iterations: $n = none (default at d.yaml:2:42)",
    ]


def test_saved_pipeline_is_the_same_pipeline(write: Write) -> None:
    path = write(
        d="""
description: all of it
parameters:
  m: {type: int, default: 8, max: 20, description: rows}
  n: {type: float, default: none}
  c: {type: string, choices: [a, b]}
stages: [include: 'sub{rows=$m}', cse, cse as tidy, 'schedule: tile{mode=$c}', stage: emit]
""",
        sub="parameters: {rows: {type: int}}\nstages: [schedule: 'tile{sizes=[$rows, 2]}', cse]",
    )
    pipeline = flat(path, m=16, c="b")
    saved = to_yaml(pipeline)
    assert "$" not in saved and "include" not in saved
    again = flatten(from_yaml(saved), {}, REGISTRY)
    assert again == pipeline
    assert (again.text(), again.parameters) == (pipeline.text(), pipeline.parameters)
    assert to_yaml(again) == saved
    assert flat(path, m=15, c="b") != pipeline


def test_stages_without_text_cannot_be_saved() -> None:
    with pytest.raises(UserError, match="stage 'emit' of pipeline 'p' has no text form"):
        to_yaml(Pipeline("p", (Emit(),)))


def test_labels_of_a_pipeline_made_in_python_are_checked() -> None:
    with pytest.raises(UserError, match="two stages of pipeline 'p' have the label 'emit'"):
        Pipeline("p", (Emit(), Emit()))


def test_stages_from_the_command_line(write: Write, monkeypatch: Any) -> None:
    path = write(d="parameters: {n: {type: int}}\nstages: ['canonicalize{max-iterations=$n}']")
    monkeypatch.chdir(path.parent)
    stages = [parse_stage(text) for text in ("d.yaml{n=3}", "schedule: tile{sizes=[1, [2]]}")]
    pipeline = flatten(Descriptor("command-line", tuple(stages)), {}, REGISTRY)
    assert texts(pipeline) == [
        "pass: canonicalize{max-iterations=3}",
        "schedule: tile{sizes=[1, [2]]}",
    ]
