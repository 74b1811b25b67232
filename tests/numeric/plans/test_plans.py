"""Plans: printed, replayed, edited, refused; what they say reaches the code."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from pharos import ir, toolchain
from pharos.core import settings
from pharos.core.errors import UserError, render
from pharos.toolchain import Request

M, N, K = 40, 48, 56
CONTRACTION = """
  %r{0} = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
      affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%a, %b : tensor<40x56xf32>, tensor<48x56xf32>)
    outs(%c : tensor<40x48xf32>) -> tensor<40x48xf32>"""


def payload(body: str = CONTRACTION.format(""), name: str = "test.mlir"):
    return toolchain.mlir_payload(
        f"""func.func @f(%a: tensor<40x56xf32>, %b: tensor<48x56xf32>) -> tensor<40x48xf32> {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<40x48xf32>
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<40x48xf32>) -> tensor<40x48xf32>
  {body}
  return %r : tensor<40x48xf32> }}""",
        name,
    )


@pytest.fixture(autouse=True)
def own_cache(tmp_path):
    with settings.scope(CACHE=tmp_path / "cache"):
        yield


def yaml(given=None, **request) -> str:
    return toolchain.make_plan(given or payload(), Request(**request)).yaml()


def values(text: str, origin: str = "[a-z ]+") -> dict[str, int]:
    found = re.findall(rf"      (\w+): {{value: (\d+), from: {origin}}}", text)
    return {name: int(value) for name, value in found}


def replay(text: str, given=None, **request):
    plan = toolchain.plan_from_yaml(text, "test.plan.yaml")
    return toolchain.make_plan(given or payload(), Request(plan=plan, **request))


def written(planned) -> dict[str, int]:
    """The attributes on the contraction."""
    planned.write()
    (motif,) = (m for m in planned.facts.walk() if m.kind == "contraction")
    return {named.name: named.attr.value for named in motif.operation.attributes["pharos.params"]}


def test_a_plan_says_what_there_is_and_where_each_value_came_from():
    text = yaml()
    assert "name: optimize" in text and "what: 40x48x56 f32, B transposed" in text
    assert "arguments: [tensor 40x56xf32, tensor 48x56xf32]" in text
    assert "  threads: {value: " in text and "from: selector vector-unit}" in text
    assert "  grain: {value: 32768, from: default}" in text
    assert set(values(text, "cost model")) == {"mr", "nr", "mc", "nc", "kc"}
    assert "why: " in text and "of peak estimated" in text


def test_a_plan_is_the_same_each_time():
    assert yaml() == yaml()


def test_parameters_are_written_on_the_operation():
    planned = toolchain.make_plan(payload(), Request())
    assert written(planned) == values(planned.yaml())


def test_a_plan_is_replayed_exactly():
    text = yaml(parameters={"grain": 100, "contraction.mr": 3})
    again = replay(text)
    assert written(again) == values(text)
    assert (
        again.pipeline
        == toolchain.make_plan(payload(), Request(parameters={"grain": 100})).pipeline
    )
    assert values(again.yaml(), "plan") == values(text)


def test_values_edited_by_hand_win_and_the_rest_is_as_it_was():
    text = yaml()
    mr = values(text)["mr"]
    edited = text.replace(f"mr: {{value: {mr}, from: cost model}}", "mr: 4").replace(
        f"mc: {{value: {values(text)['mc']},", "mc: {value: 8,"
    )
    found = written(replay(edited))
    assert (found["mr"], found["mc"]) == (4, 8)
    assert found["kc"] == values(text)["kc"]
    assert f"the cost model alone has mr = {mr}" in replay(edited).explain()
    lines = edited.splitlines()
    place = 1 + next(n for n, line in enumerate(lines) if "mr: 4" in line)
    assert f"mr = 4 (plan test.plan.yaml:{place}:" in replay(edited).explain()


def test_a_value_of_the_command_line_wins_over_the_plan():
    text = yaml()
    again = replay(text, parameters={"contraction.kc": 7, "grain": 5})
    assert written(again)["kc"] == 7
    assert values(again.yaml(), "user") == {"kc": 7}
    assert "  grain: {value: 5, from: user}" in again.yaml()


def test_a_value_of_the_operation_wins_over_the_cost_model():
    body = CONTRACTION.format("").replace(
        "\n    ins", " {pharos.params = {kc = 11 : i64}}\n    ins"
    )
    planned = toolchain.make_plan(payload(body), Request())
    assert written(planned)["kc"] == 11
    assert values(planned.yaml(), "operation") == {"kc": 11}


def test_code_for_another_number_of_threads_is_not_reused():
    from pharos.toolchain.keys import key_of

    keys = {key_of(payload(), Request(parameters={"threads": n})) for n in (1, 2)}
    assert len(keys) == 2


def test_measured_values_win_over_the_cost_model():
    planned = toolchain.make_plan(payload(), Request())
    device = f"cpu {toolchain.target('cpu').facts().key()}"
    (choice,) = planned.pipeline.motifs
    record = {"device": device, "work": choice.work, "values": {"kc": 28}, "seconds": 1.0}
    slower = {**record, "values": {"kc": 14}, "seconds": 2.0}
    database = settings.CACHE.get() / "tuned.jsonl"
    database.parent.mkdir(parents=True, exist_ok=True)
    before = toolchain.build(payload()).cached, toolchain.build(payload()).cached
    assert before == (False, True)
    database.write_text(json.dumps({**record, "work": "another"}))
    assert toolchain.build(payload()).cached, "a record for other work changes nothing"
    database.write_text(f"{json.dumps(record)}\n{json.dumps(slower)}\n")
    assert values(yaml(), "database") == {"kc": 28}
    assert not toolchain.build(payload()).cached, "code made without the record is not reused"
    assert toolchain.build(payload()).cached
    again = json.dumps({**record, "values": {"kc": 7}})
    database.write_text(again)
    assert not toolchain.build(payload()).cached, "nor is code made with another"
    database.unlink()
    assert not toolchain.build(payload()).cached, "nor code made with one that was removed"
    database.write_text(f"{json.dumps(record)}\n{json.dumps(slower)}\n")
    # What the user says goes first, and what does not fit it is left out.
    assert values(yaml(parameters={"contraction.kc": 9}), "user") == {"kc": 9}
    database.write_text('{"device": 1}\n')
    with pytest.raises(UserError, match=r"tuned.jsonl:1: expected a record"):
        yaml()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"contraction.nr": 20}, "nr = 20 is not a multiple of"),
        ({"contraction.mr": 0}, "mr = 0 is not an integer from 1"),
        ({"contraction.mr": "many"}, "mr = many is not an integer"),
        ({"contraction.rows": 4}, "rows is no parameter of it; there are mr, nr, mc, nc, kc"),
        ({"contraction-00000000.mr": 4}, "expected a motif with parameters"),
        ({"nosuch": 4}, "nosuch"),
    ],
)
def test_impossible_values_are_refused_before_any_stage(change, said):
    seen: list[str] = []
    with pytest.raises(UserError) as raised:
        toolchain.build(payload(), Request(parameters=change), watch=seen.append)
    assert said in render(raised.value)
    assert seen == [toolchain.FRONT_END, toolchain.PLAN]


def test_an_impossible_value_of_a_plan_is_refused_at_its_place():
    text = yaml()
    edited = text.replace(f"nr: {{value: {values(text)['nr']},", "nr: {value: 7,")
    with pytest.raises(UserError) as raised:
        replay(edited)
    assert raised.value.span is not None and raised.value.span.file == "test.plan.yaml"
    assert edited.splitlines()[raised.value.span.line - 1].strip().startswith("nr:")


def test_a_plan_of_another_payload_is_refused_by_what_differs():
    other = payload(CONTRACTION.format("").replace("(m, n, k) -> (m, k)", "(m, n, k) -> (m, k)"))
    assert written(replay(yaml(), other)) == values(yaml())
    relu = (
        CONTRACTION.format("0")
        + """
  %r = linalg.max ins(%r0, %c : tensor<40x48xf32>, tensor<40x48xf32>)
    outs(%e : tensor<40x48xf32>) -> tensor<40x48xf32>"""
    )
    with pytest.raises(UserError) as raised:
        replay(yaml(), payload(relu, "relu.mlir"))
    text = render(raised.value)
    assert "the plan is for another payload, 'test.mlir'" in text


def test_a_plan_of_other_sizes_names_the_contraction():
    other = toolchain.mlir_payload(ir.to_text(payload().module()).replace("40x", "41x"))
    with pytest.raises(UserError) as raised:
        replay(yaml(), other)
    text = render(raised.value)
    assert re.search(r"only in the plan: contraction-\w+: 40x48x56 f32", text)
    assert re.search(r"only in the payload: contraction-\w+: 41x48x56 f32", text)


def test_a_plan_is_not_tied_to_names_and_places():
    moved = toolchain.mlir_payload("\n\n" + payload().text, "elsewhere.mlir")
    assert written(replay(yaml(), moved)) == values(yaml())


def test_two_motifs_that_are_alike_have_parameters_of_their_own():
    body = (
        CONTRACTION.format("0")
        + CONTRACTION.format("1")
        + """
  %r = linalg.add ins(%r0, %r1 : tensor<40x48xf32>, tensor<40x48xf32>)
    outs(%e : tensor<40x48xf32>) -> tensor<40x48xf32>"""
    )
    text = yaml(payload(body))
    first, second = re.findall(r"key: (contraction-\S+)", text)
    assert second == f"{first}.2"
    planned = toolchain.make_plan(payload(body), Request(parameters={f"{second}.kc": 7}))
    found = {key: {p.name: p.value for p in planned.motifs[key]} for key in (first, second)}
    assert found[second]["kc"] == 7 and found[first]["kc"] != 7


def test_a_changed_pipeline_file_is_refused(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("name: own\nstages:\n  - include: default.yaml\n")
    text = yaml(pipeline=str(file))
    assert replay(text).pipeline.labels
    file.write_text("name: own\nstages:\n  - include: default.yaml\n  - pass: cse\n")
    with pytest.raises(UserError, match="are not what they were when the plan was made"):
        replay(text)


def test_stages_of_the_command_line_are_replayed():
    text = yaml(stages=("canonicalize", "pass: func.func(cse)"))
    assert "  stages: [" in text
    assert replay(text).pipeline.labels == ["canonicalize", "cse"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 1", "version: 2", "expected a plan of version 1"),
        ("fingerprint", "fingerprnt", "unknown key 'fingerprnt'"),
        ("  - key: ", "  - kee: ", "unknown key 'kee'"),
        ("value: 32768", "value: [", "not valid YAML"),
        ("target:\n  name: cpu", "target:\n  name: gpu", "for the target gpu, found cpu"),
    ],
)
def test_files_that_are_no_plans(old, new, said):
    text = yaml()
    assert old in text
    with pytest.raises(UserError) as raised:
        replay(text.replace(old, new))
    assert said in render(raised.value)


def test_a_plan_and_a_pipeline_contradict():
    with pytest.raises(UserError, match="expected a plan or a pipeline, found both"):
        replay(yaml(), pipeline="default")


def test_the_plan_decides_the_code_and_its_place_in_the_cache():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape, dtype=np.float32) for shape in ((M, K), (N, K)))
    text = yaml()
    edited = text.replace(
        f"mr: {{value: {values(text)['mr']}, from: cost model}}", "mr: 2"
    ).replace(f"mc: {{value: {values(text)['mc']}, from: cost model}}", "mc: 6")
    codes = {}
    for name, one in (("as it is", text), ("edited", edited)):
        request = Request(plan=toolchain.plan_from_yaml(one, "plan.yaml"))
        built = toolchain.build(payload(), request)
        assert not built.cached and toolchain.build(payload(), request).cached
        result = toolchain.load(built.artifact).call("f", a, b)
        np.testing.assert_allclose(np.asarray(result), a @ b.T, rtol=1e-5, atol=1e-5)
        codes[name] = built.artifact.code
    assert codes["as it is"] == toolchain.build(payload()).artifact.code
    assert codes["edited"] != codes["as it is"]
