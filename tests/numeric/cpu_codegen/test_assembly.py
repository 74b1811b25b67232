"""The target shows what it made: every function of an object, disassembled."""

from __future__ import annotations

import platform

import pytest

from pharos import toolchain

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="needs x86-64")

TWO = """
func.func @twice(%x: i64) -> i64 {
  %0 = arith.addi %x, %x : i64
  return %0 : i64
}
func.func @square(%x: i64) -> i64 {
  %0 = arith.muli %x, %x : i64
  return %0 : i64
}
"""


def test_every_function_is_there():
    artifact = toolchain.compile(toolchain.mlir_payload(TWO))
    text = toolchain.target("cpu").assembly(artifact)
    twice, square = (text.partition(f"\n{name}:\n")[2] or text for name in ("twice", "square"))
    assert "imul" in square.split("\n\n")[0]
    assert "imul" not in twice.split("\n\n")[0]
    assert text.count("ret") >= 2
