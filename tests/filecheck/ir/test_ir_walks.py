"""Operations by name: which, in what order, and what is skipped."""

from __future__ import annotations

from typing import Any

import pytest

from pharos import ir

TEXT = """
func.func @f(%n: index) -> index {
  %one = arith.constant 1 : index
  scf.for %i = %one to %n step %one {
    %two = arith.addi %i, %one : index
  }
  %three = arith.addi %n, %one : index
  return %three : index
}
"""


@pytest.fixture
def module() -> Any:
    return ir.parse(TEXT)


def names(found: list[Any]) -> list[str]:
    return [operation.name for operation in found]


def test_named_operations_come_in_the_order_of_the_text_inner_ones_first(module: Any) -> None:
    found = ir.operations(module, "scf.for", "arith.addi")
    assert names(found) == ["arith.addi", "scf.for", "arith.addi"]
    outer = ir.operations(module, "scf.for", "arith.addi", outer_first=True)
    assert names(outer) == ["scf.for", "arith.addi", "arith.addi"]


def test_without_names_all_operations_are_found_and_the_root_is_one(module: Any) -> None:
    loop = ir.operations(module, "scf.for")[0]
    assert names(ir.operations(loop)) == ["arith.addi", "scf.yield", "scf.for"]
    assert names(ir.operations(module, "builtin.module")) == ["builtin.module"]


def test_what_is_skipped_is_left_out_with_what_is_in_it(module: Any) -> None:
    found = ir.operations(module, "scf.for", "arith.addi", skip=["scf.for"])
    assert names(found) == ["arith.addi"]
    assert found[0].parent.name == "func.func"


def test_what_was_found_may_be_erased(module: Any) -> None:
    for operation in ir.operations(module, "scf.for"):
        operation.erase()
    ir.verify(module)
    assert not ir.contains(module, "scf.for")
    assert ir.contains(module, "scf.for", "arith.addi")
