"""The driver on real modules: order, timing, dumps, start, stop, replace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pharos import ir
from pharos.core import settings
from pharos.core.errors import UserError
from pharos.pipeline import (
    Descriptor,
    Driver,
    Pipeline,
    Registry,
    StageScope,
    flatten,
    from_yaml,
    make_registry,
    parse_stage,
)

# Two equal sums: canonicalize leaves them, cse merges them, then one multiplication remains.
PAYLOAD = """
func.func private @unused() { return }
func.func @f(%a: i32, %b: i32) -> i32 {
  %0 = arith.addi %a, %b : i32
  %1 = arith.addi %a, %b : i32
  %2 = arith.muli %0, %1 : i32
  return %2 : i32
}
"""
ANNOTATE = """
module attributes {transform.with_named_sequence} {
  transform.named_sequence @main(%module: !transform.any_op {transform.readonly}) {
    %0 = transform.structured.match ops{["arith.muli"]} in %module
      : (!transform.any_op) -> !transform.any_op
    transform.annotate %0 "seen" : !transform.any_op
    transform.yield
  }
}
"""


def pipeline(*stages: str, registry: Registry | None = None, **values: Any) -> Pipeline:
    declared = tuple(map(parse_stage, stages))
    return flatten(Descriptor("p", declared), values, registry or Registry())


def payload() -> Any:
    return ir.parse(PAYLOAD)


def count(module: Any, operation: str) -> int:
    return ir.to_text(module).count(operation)


def run(pipeline: Pipeline, module: Any = None, **options: Any) -> Any:
    return Driver().run(pipeline, payload() if module is None else module, **options)


def test_stages_run_in_order_and_are_timed() -> None:
    result = run(pipeline("cse", "symbol-dce", "func.func(canonicalize)"))
    assert count(result.module, "arith.addi") == 1
    assert count(result.module, "@unused") == 0
    assert [timing.stage for timing in result.timings] == ["cse", "symbol-dce", "canonicalize"]
    assert all(0 < timing.seconds < 10 for timing in result.timings)
    assert [stage for stage, seconds in result.timings] == ["cse", "symbol-dce", "canonicalize"]


def test_passes_of_a_stage_are_timed_one_at_a_time() -> None:
    stages = pipeline("cse,func.func(canonicalize,sccp)", "symbol-dce")
    result, together = run(stages, by_pass=True), run(stages)
    (label, one), *rest = result.passes.items()
    assert [name for name, _ in one] == ["cse", "canonicalize", "sccp"]
    assert 0 < sum(seconds for _, seconds in one) < dict(result.timings)[label]
    assert [[name for name, _ in passes] for _, passes in rest] == [["symbol-dce"]]
    assert ir.to_text(result.module) == ir.to_text(together.module) and not together.passes


def test_a_sparing_run_makes_the_same_and_verifies_the_end() -> None:
    stages = pipeline("cse", "canonicalize")
    assert ir.to_text(run(stages, sparing=True).module) == ir.to_text(run(stages).module)


def test_the_callers_module_is_left_alone() -> None:
    module = payload()
    result = run(pipeline("cse"), module)
    assert ir.to_text(module) == ir.to_text(payload())
    assert count(result.module, "arith.addi") == 1
    assert result.module.context == module.context


def test_in_place() -> None:
    module = payload()
    result = run(pipeline("cse"), module, in_place=True)
    assert count(module, "arith.addi") == 1
    assert result.module is module


def test_options_reach_the_pass() -> None:
    loop = "func.func @f(%m: memref<8xi32>, %v: i32) { affine.for %i = 0 to 8 {\n"
    loop += "affine.store %v, %m[%i] : memref<8xi32> } return }"
    unrolled = pipeline("func.func(affine-loop-unroll{unroll-factor=4})")
    assert count(run(unrolled, ir.parse(loop)).module, "affine.store") == 4


def test_dump_all(tmp_path: Path) -> None:
    stages = pipeline("cse", "func.func(canonicalize),symbol-dce", "cse as a/b")
    result = run(stages, dump_after="all", dump_dir=tmp_path / "new" / "dumps")
    names = ["01-cse.mlir", "02-canonicalize+symbol-dce.mlir", "03-a_b.mlir"]
    assert [path.name for path in result.dumps] == names
    assert sorted(path.name for path in (tmp_path / "new" / "dumps").iterdir()) == names
    texts = [path.read_text() for path in result.dumps]
    assert [text.count("arith.addi") for text in texts] == [1, 1, 1]
    assert [text.count("@unused") for text in texts] == [1, 0, 0]
    assert texts[-1] == ir.to_text(result.module)


def test_dump_some(tmp_path: Path) -> None:
    stages = pipeline("symbol-dce", "cse", "sccp")
    for asked, names in (("cse", ["02-cse.mlir"]), (["symbol-dce", "sccp"], None)):
        result = run(stages, dump_after=asked, dump_dir=tmp_path)
        expected = names or ["01-symbol-dce.mlir", "03-sccp.mlir"]
        assert [path.name for path in result.dumps] == expected


def test_a_dump_replaces_an_older_one_whole(tmp_path: Path) -> None:
    (tmp_path / "01-cse.mlir").write_text("x" * 100_000)
    run(pipeline("cse"), dump_after="cse", dump_dir=tmp_path)
    assert ir.to_text(ir.parse_file(tmp_path / "01-cse.mlir")).count("arith.addi") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["01-cse.mlir"]


def test_dump_to_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*/file/01-cse\.mlir: "):
        run(pipeline("cse"), dump_after="all", dump_dir=tmp_path / "file")


def test_start_and_stop(tmp_path: Path) -> None:
    stages = pipeline("symbol-dce", "cse", "sccp")
    stopped = run(stages, stop_after="symbol-dce")
    assert [stage for stage, _ in stopped.timings] == ["symbol-dce"]
    assert count(stopped.module, "arith.addi") == 2
    started = run(stages, stopped.module, start_at="cse", dump_after="all", dump_dir=tmp_path)
    assert [stage for stage, _ in started.timings] == ["cse", "sccp"]
    assert [path.name for path in started.dumps] == ["02-cse.mlir", "03-sccp.mlir"]
    only = run(stages, start_at="cse", stop_after="cse")
    assert (count(only.module, "arith.addi"), count(only.module, "@unused")) == (1, 1)


def test_a_run_can_go_on_from_a_dump(tmp_path: Path) -> None:
    stages = pipeline("cse", "symbol-dce", "func.func(canonicalize)")
    whole = run(stages, dump_after="cse", dump_dir=tmp_path)
    rest = run(stages, ir.parse_file(whole.dumps[0]), start_at="symbol-dce")
    assert ir.to_text(rest.module) == ir.to_text(whole.module)


def test_replace(tmp_path: Path) -> None:
    other = tmp_path / "other.mlir"
    other.write_text("func.func @other(%a: i32) -> i32 { return %a : i32 }")
    result = run(pipeline("symbol-dce", "cse", "sccp"), replace={"cse": other})
    assert (count(result.module, "@other"), count(result.module, "@f")) == (1, 0)
    assert [stage for stage, _ in result.timings] == ["symbol-dce", "cse", "sccp"]


def test_replaced_stage_does_not_run(tmp_path: Path) -> None:
    other = tmp_path / "other.mlir"
    other.write_text(PAYLOAD)
    stages = Pipeline("p", (Breaks(), *pipeline("cse").stages))
    assert count(run(stages, replace={"breaks": str(other)}).module, "arith.addi") == 1


class Breaks:
    name = "breaks"

    def run(self, module: Any, scope: StageScope) -> Any:
        raise AssertionError("this stage is replaced")


def test_replacing_file_is_checked(tmp_path: Path) -> None:
    (tmp_path / "bad.mlir").write_text("func.func @f() -> i32 {\n  return\n}")
    with pytest.raises(UserError) as caught:
        run(pipeline("cse"), replace={"cse": tmp_path / "bad.mlir"})
    assert str(caught.value.span) == f"{tmp_path}/bad.mlir:2:3"
    assert "has 0 operands, but enclosing function (@f) returns 1" in caught.value.message
    with pytest.raises(UserError, match="no such file"):
        run(pipeline("cse"), replace={"cse": tmp_path / "none.mlir"})


LABELS = [
    ({"start_at": "sse"}, "cannot start at stage 'sse': pipeline 'p' has the stages cse, sccp"),
    ({"stop_after": "sse"}, "cannot stop after stage 'sse': pipeline 'p' has the stages cse, sccp"),
    ({"dump_after": "sse"}, "cannot dump after stage 'sse': pipeline 'p' has the stages cse, sccp"),
    ({"replace": {"sse": "x"}}, "cannot replace stage 'sse': pipeline 'p' has the stages cse, s"),
    ({"dump_after": ["cse", "x"]}, "cannot dump after stage 'x': pipeline 'p' has the stages cse"),
    ({"dump_after": "cse", "start_at": "sccp"}, "cannot dump after stage 'cse': it does not run"),
    ({"replace": {"cse": "x"}, "start_at": "sccp"}, "cannot replace stage 'cse': it does not run"),
    (
        {"start_at": "sccp", "stop_after": "cse"},
        "cannot start at 'sccp' and stop after 'cse', which comes before it",
    ),
]


@pytest.mark.parametrize(("options", "message"), LABELS)
def test_labels_are_checked_before_anything_runs(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        run(pipeline("cse", "sccp"), dump_dir=tmp_path, **options)
    assert message in caught.value.message
    if "'sse'" in message:
        assert caught.value.hint == "did you mean 'cse'?"
    assert list(tmp_path.iterdir()) == []


def test_dump_needs_a_folder() -> None:
    with pytest.raises(UserError, match="expected a folder to dump modules to, found none"):
        run(pipeline("cse"), dump_after="all")


def test_empty_pipeline() -> None:
    result = run(pipeline())
    assert ir.to_text(result.module) == ir.to_text(payload())
    assert result.timings == ()


def test_transform_file(tmp_path: Path) -> None:
    (tmp_path / "annotate.mlir").write_text(ANNOTATE)
    stages = pipeline(f"{tmp_path}/annotate.mlir{{sequence=main}}", "cse")
    assert stages.labels == ["annotate", "cse"]
    assert count(run(stages).module, "arith.muli %0, %0 {seen}") == 1


def test_transform_file_that_changed_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "annotate.mlir"
    file.write_text(ANNOTATE)
    stages = pipeline(f"{file}{{sequence=main}}")
    before = stages.text()
    file.write_text(ANNOTATE.replace("seen", "known"))
    with pytest.raises(UserError, match=r"annotate\.mlir has changed since the pipeline was made"):
        run(stages)
    assert pipeline(f"{file}{{sequence=main}}").text() != before


def test_schedule_gets_its_options() -> None:
    given: list[Any] = []

    def annotate(context: Any, names: tuple[str, ...], factor: float = 1.0) -> Any:
        given.append((names, factor))
        return ir.parse(ANNOTATE.replace("@main", "@__transform_main"), context=context)

    registry = make_registry(schedules=[("annotate", annotate)])
    stages = pipeline("schedule: annotate{names=[a, 'b c']}", registry=registry)
    assert given == []
    result = Driver(registry).run(stages, payload())
    assert given == [(("a", "b c"), 1.0)]
    assert count(result.module, "{seen}") == 1


def test_custom_stage_sees_the_scope() -> None:
    seen: list[StageScope] = []

    class Look:
        name = "look"

        def __init__(self, deep: bool = False) -> None:
            self.deep = deep

        def run(self, module: Any, scope: StageScope) -> Any:
            seen.append(scope)
            return ir.parse("func.func @new() { return }", context=module.context)

    registry = make_registry(stages=[("look", Look)])
    text = "parameters: {n: {type: int, default: 3}}\nstages: [stage: 'look{deep}', cse]"
    stages = flatten(from_yaml(text), {"n": 4}, registry)
    driver = Driver(registry, target_facts="facts", plan="plan")
    result = driver.run(stages, payload())
    assert count(result.module, "@new") == 1
    (scope,) = seen
    assert (scope.parameters, scope.target_facts, scope.plan) == ({"n": 4}, "facts", "plan")
    assert scope.registry is registry


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_debug_ladder(level: int) -> None:
    written: list[str] = []
    with settings.scope(DEBUG=level):
        Driver(write=written.append).run(pipeline("cse", "sccp"), payload())
    text = "".join(written)
    assert ("1/2  cse" in text) == (level >= 1)
    assert ("p: 2 stages, " in text) == (level >= 1)
    assert ("pipeline p: 2 stages" in text) == (level >= 2)
    assert ("// after sccp\nmodule {" in text) == (level >= 3)
    assert text == "" or text.endswith("\n")


def test_debug_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with settings.scope(DEBUG=1):
        run(pipeline("cse"))
    captured = capsys.readouterr()
    assert "1/1  cse" in captured.err
    assert captured.out == ""
