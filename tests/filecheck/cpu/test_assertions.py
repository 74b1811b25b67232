"""A failed assertion calls out of the code; one in a parallel loop is left to MLIR."""

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.targets.cpu.assertions import Assertions
from pharos.toolchain import compile, load, mlir_payload

PLAIN = """
func.func @f(%i: index) -> index {
  %c4 = arith.constant 4 : index
  %ok = arith.cmpi ult, %i, %c4 : index
  cf.assert %ok, "out of \\"the\\" table: é"
  return %i : index
}"""
SHARED = """
func.func @f(%m: memref<8xi1>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.parallel (%i) = (%c0) to (%c8) step (%c1) {
    %ok = memref.load %m[%i] : memref<8xi1>
    cf.assert %ok, "no"
    scf.reduce
  }
  return
}"""


def rewritten(text):
    module = ir.parse(text)
    Assertions().run(module)
    assert module.operation.verify()
    return str(module)


def test_a_branch_calls_with_the_text_and_its_place():
    text = rewritten(PLAIN)
    assert "cf.assert" not in text
    branch = text.partition("scf.if")[2].partition("}")[0]
    assert "llvm.mlir.addressof @pharos.assertion.0" in branch
    assert "call @pharos_assertion_failed" in branch
    assert '@pharos.assertion.0("-:5:3: assertion failed: out of' in text


def test_assertions_of_parallel_loops_stay():
    assert rewritten(SHARED) == str(ir.parse(SHARED))


def test_the_text_arrives_as_it_was():
    run = load(compile(mlir_payload(PLAIN)))
    assert run.call("f", 3) == 3
    with pytest.raises(UserError) as caught:
        run.call("f", 4)
    assert caught.value.message == 'assertion failed: out of "the" table: é'
    assert (caught.value.span.line, caught.value.span.column) == (5, 3)
