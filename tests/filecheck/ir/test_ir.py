"""The door to MLIR: parse, print, verify, passes, schedules, and errors with their places."""

import pytest

from pharos import ir
from pharos.core.errors import ErrorList, UserError
from pharos.core.span import Span

GOOD = "func.func @f(%a: i32) -> i32 {\n  %b = arith.addi %a, %a : i32\n  return %b : i32\n}"


def test_parse_and_print():
    assert "arith.addi %arg0, %arg0 : i32" in ir.to_text(ir.parse(GOOD))


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("func.func @f() {\n  return %b : i32\n}", 2, 10, "use of undeclared SSA value name"),
        ("func.func @f(%a: i32) -> f32 {\n  return %a : i32\n}", 2, 3, "doesn't match function"),
        ("\n\nfunc.func @f() {\n  foo.bar\n}", 4, 3, "foo"),
    ],
)
def test_a_parse_error_has_its_place(text, line, column, message):
    with pytest.raises(ir.CompileError) as error:
        ir.parse(text, file="bad.mlir")
    assert error.value.span == Span("bad.mlir", line, column)
    assert message in error.value.message
    assert f"bad.mlir:{line}:{column}: error:" in str(error.value)


def test_several_errors_are_reported_together():
    bad = "func.func @{}(%a: i32) -> f32 {{\n  return %a : i32\n}}\n"
    with pytest.raises(ErrorList) as error:
        ir.parse(bad.format("f") + bad.format("g"), file="two.mlir")
    assert [e.span.line for e in error.value.errors] == [2, 5]


def test_the_guilty_operation_is_named():
    with pytest.raises(ir.CompileError) as error:
        ir.parse("func.func @f(%a: i32) -> f32 {\n  return %a : i32\n}")
    assert error.value.operation == "func.return"
    assert any("see current operation" in note.message for note in error.value.notes)


def test_parse_file_keeps_the_name(tmp_path):
    path = tmp_path / "m.mlir"
    path.write_text(GOOD)
    module = ir.parse_file(path)
    function = next(iter(module.body.operations))
    assert ir.span_of(function.operation.location).file == str(path)
    with pytest.raises(UserError, match="no such file"):
        ir.parse_file(tmp_path / "none.mlir")


def test_an_unknown_pass_is_a_user_error():
    with pytest.raises(ir.CompileError, match="'no-such-pass' does not refer to a registered"):
        ir.run_passes(ir.parse(GOOD), "no-such-pass")


def test_a_failing_pass_keeps_the_place_in_the_payload(tmp_path):
    path = tmp_path / "m.mlir"
    path.write_text(
        "func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {\n"
        '  %0 = "tosa.exp"(%a) : (tensor<4xf32>) -> tensor<4xf32>\n'
        "  return %0 : tensor<4xf32>\n}"
    )
    with pytest.raises(ir.CompileError) as error:
        ir.run_passes(ir.parse_file(path), "one-shot-bufferize{bufferize-function-boundaries}")
    assert error.value.span.line == 2
    assert "op was not bufferized" in error.value.message


def test_clone_is_independent_and_keeps_locations():
    module = ir.parse(GOOD)
    copy = ir.clone(module)
    ir.run_passes(copy, "func.func(canonicalize),symbol-privatize,symbol-dce")
    assert "@f" not in ir.to_text(copy)
    assert "@f" in ir.to_text(module)


def test_fingerprint_ignores_places_and_sees_changes():
    moved = ir.parse("\n\n" + GOOD)
    assert ir.fingerprint(moved) == ir.fingerprint(ir.parse(GOOD))
    changed = ir.parse(GOOD.replace("addi", "muli"))
    assert ir.fingerprint(changed) != ir.fingerprint(ir.parse(GOOD))


def test_a_schedule_runs_and_its_failure_has_a_place():
    schedule = """
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%m: !transform.any_op) {
    %f = transform.structured.match ops{["NAME"]} in %m : (!transform.any_op) -> !transform.any_op
    %a, %b = transform.split_handle %f
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}"""
    module = ir.parse(GOOD)
    good = ir.parse(schedule.replace("NAME", 'arith.addi", "func.return'), context=module.context)
    ir.apply_schedule(module, good)
    bad = ir.parse(schedule.replace("NAME", "func.return"), context=module.context)
    with pytest.raises(ir.CompileError, match="expected to contain 2 payloads"):
        ir.apply_schedule(module, bad)
    with pytest.raises(UserError, match=r"no transform\.named_sequence @other"):
        ir.apply_schedule(module, good, sequence="other")


def test_spans_become_locations_and_come_back():
    context = ir.new_context()
    for span in (Span("a.lisp", 3, 7), Span("a.lisp", 3, 7, 4, 9)):
        assert ir.span_of(ir.location_of(span, context)) == span
    assert ir.span_of(ir.location_of(None, context)) is None
