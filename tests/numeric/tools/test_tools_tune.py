"""pharos tune and pharos tuned: candidates listed, measured, recorded, taken, forgotten."""

import json
import os
import sys
from pathlib import Path

import pytest

from pharos import toolchain, tuning
from pharos.core import settings
from pharos.core.errors import InternalError
from pharos.runtime.child import in_child
from pharos.tools import apart
from pharos.tools.tuning.functions import FunctionSubject
from pharos.tuning import measuring
from pharos.tuning.outcomes import CRASHED, MEASURED, REFUSED, WRONG

# Too small for threads, which a process that forks had better not have.
PRODUCT = """
func.func @f(%a: tensor<17x20xf32>, %b: tensor<20x24xf32>) -> tensor<17x24xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<17x24xf32>
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<17x24xf32>) -> tensor<17x24xf32>
  %r = linalg.matmul ins(%a, %b : tensor<17x20xf32>, tensor<20x24xf32>)
    outs(%c : tensor<17x24xf32>) -> tensor<17x24xf32>
  return %r : tensor<17x24xf32>
}
"""


@pytest.fixture(scope="module", autouse=True)
def _imported():
    """What children import, imported here: each would take half a second for it."""

    def work(report):
        toolchain.make_plan(toolchain.mlir_payload(PRODUCT), toolchain.Request())
        return sorted(sys.modules)

    measuring.preload(in_child(work))


@pytest.fixture
def cache(tmp_path) -> Path:
    """Of this test alone: other tests shall not find its records."""
    return tmp_path / "cache"


@pytest.fixture
def product(file):
    return file("product.mlir", PRODUCT)


def test_a_dry_run_lists_the_candidates_the_choice_first(pharos, product):
    found = json.loads(pharos("tune", product, "--dry-run", "--candidates", 5, "--json").out)
    rows = found["candidates"]
    assert 1 < len(rows) <= 5 and {row["measured"] for row in rows} == {None}
    plan = pharos("plan", product).out
    assert all(
        f"{n}: {{value: {v}, from: cost model}}" in plan for n, v in rows[0]["values"].items()
    )
    assert rows[0]["of_choice"] == 1 and "17x24x20 f32" in rows[0]["work"]


@pytest.mark.parametrize(("options", "text", "said"), [
    (["--target", "nvidia:sim"], PRODUCT, "nvidia:sim is simulated"),
    (["--entry", "g"], PRODUCT, "'g'"),
    (["--input", "17x20xf32xrnd"], PRODUCT, "'f' takes 2 argument(s)"),
    ([], PRODUCT.replace("17", "?").replace("tensor.empty()", "tensor.empty(%n)")
     .replace("%e = ", "%i = arith.constant 0 : index\n"
              "%n = tensor.dim %a, %i : tensor<?x20xf32>\n%e = "), "found no --input"),
])  # fmt: skip
def test_what_cannot_be_tuned_is_refused(pharos, file, options, text, said):
    found = pharos("tune", file("other.mlir", text), *options)
    assert found.status == 1 and said in found.err, found.err


def test_a_payload_without_choices(pharos, file):
    text = "func.func @f(%a: f32) -> f32 {\n return %a : f32 }"
    assert "nothing to tune" in pharos("tune", file("no.mlir", text)).out


def test_values_that_are_given_are_not_tuned(pharos, file):
    text = PRODUCT.replace(
        "linalg.matmul ins", "linalg.matmul {pharos.params = {kc = 7 : i64}} ins"
    )
    found = pharos("tune", file("given.mlir", text)).out
    assert "not tuned, contraction-" in found and "given (operation)" in found


def test_a_program_needs_the_name_of_a_function(pharos, file):
    path = file("p.lisp", "(require-dialect func)(defn main [] -> i32 (func.return (: 1 i32)))")
    found = pharos("tune", path)
    assert found.status == 1 and "found a program with a main" in found.err


def test_records_are_taken_listed_and_forgotten(pharos):
    def plan():
        return toolchain.make_plan(toolchain.mlir_payload(PRODUCT), toolchain.Request())

    record = {
        "device": toolchain.device_of(toolchain.Request()),
        "work": plan().pipeline.motifs[0].work,
        "values": {"mr": 3, "nr": 16, "mc": 9, "nc": 32, "kc": 10},
        "seconds": 1e-3,
        "ratio": 0.5,
    }
    tuning.store(toolchain.database(), record)
    planned = plan()
    assert "mr: {value: 3, from: database}" in planned.yaml()
    (one,) = tuning.surveyed(planned, "f", 3).tunables
    assert one.recorded == record["values"] == one.candidates[1][0] != one.choice
    assert "2.000x" in pharos("tuned", "list").out
    assert pharos("tuned", "forget").status == 1
    assert "removed 0 of 1 records" in pharos("tuned", "forget", "nosuch").out
    assert "removed 1 of 1 records" in pharos("tuned", "forget", "17x24x20").out
    assert "from: database" not in plan().yaml()
    assert "no records" in pharos("tuned", "list").out


@pytest.fixture
def measurer(environment, tmp_path):
    payload, request = toolchain.mlir_payload(PRODUCT, "product.mlir"), toolchain.Request()
    artifact = apart.build(payload, request).artifact
    subject = FunctionSubject.of(payload, artifact, None, None, 0)
    survey = apart.isolated(payload, None, lambda report: tuning.survey(payload, request, "f", 3))
    return tuning.ChildMeasurer(subject, request, survey, apart.isolated, tmp_path / "code")


@pytest.mark.slow
def test_a_candidate_that_fails_is_one_less(measurer, monkeypatch):
    measurer.find_expected()
    assert measurer.checked_by == "plain loops"
    (one,) = measurer.survey.tunables
    good = one.candidates[1][0]
    found = measurer.try_out(one, good, {})
    assert found.state == MEASURED and 0.1 < found.ratio < 10 and found.seconds > 0
    found = measurer.try_out(one, {**good, "nr": 5}, {})
    assert found.state == REFUSED and "nr = 5 is not a multiple of" in found.why
    timings = measurer.last_round(one, {"a": good}, {}, 0.1)
    assert len({len(one.samples) for one in timings.values()}) == 1 and len(timings) == 3

    build = measuring.build

    def crashing(payload, request, watch):
        watch("vector-loops")
        return os.abort() if good.items() <= _values(request).items() else build(payload, request)

    monkeypatch.setattr(measuring, "build", crashing)
    found = measurer.try_out(one, good, {})
    assert found.state == CRASHED and "SIGABRT" in found.why and "reproducer: " in found.why
    folder = Path(found.why.rpartition("reproducer: ")[2])
    assert any(folder.iterdir()) and folder.is_relative_to(settings.REPRODUCERS.get())


def _values(request):
    return {name.rpartition(".")[2]: value for name, value in request.parameters.items()}


@pytest.mark.slow
def test_a_wrong_result_is_no_time(measurer):
    measurer.find_expected()
    (one,) = measurer.survey.tunables
    expected, _ = measurer._expected, measurer.checked_by
    expected[0].array[3, 4] += 1
    found = measurer.try_out(one, one.candidates[1][0], {})
    assert found.state == WRONG and "at [3, 4] expected" in found.why
    with pytest.raises(InternalError, match="not the results of plain loops"):
        measurer._plain = lambda: (expected, "plain loops")
        measurer.find_expected()


@pytest.mark.slow
def test_a_search_ends_with_a_verdict_and_is_not_repeated(pharos, product):
    asked = ("tune", product, "--candidates", 3, "--seconds", 100, "--json")
    done = pharos(*asked)
    assert done.status == 0, done.err
    (work,) = (found := json.loads(done.out))["works"]
    assert found["compared_with"] == "plain loops" and work["not_tried"] == 0
    assert [one["state"] for one in work["candidates"]] == [MEASURED] * 2
    assert work["action"] in ("recorded", "kept", "undecided")
    origin = "database" if work["action"] == "recorded" else "cost model"
    assert f"from: {origin}}}" in pharos("plan", product).out
    again = pharos(*asked)
    assert "of the choice" not in again.err
    assert json.loads(again.out)["works"][0]["candidates"] == work["candidates"]


def test_a_problem_of_the_suite_is_named_alone(pharos):
    pytest.importorskip("torch")
    found = pharos("tune", "level1")
    assert found.status == 1 and "expected one problem, found 'level1'" in found.err
    assert "expected a problem, found 'nosuch'" in pharos("tune", "nosuch").err


@pytest.mark.slow
def test_a_model_is_compared_with_eager(process):
    pytest.importorskip("torch")
    run = process("tune", "level1/2", "--seconds", 1, "--candidates", 2, "--json")
    out, err = run.communicate(timeout=300)
    assert run.returncode == 0, err
    assert json.loads(out)["compared_with"] == "eager PyTorch"
