"""A function with very many arrays, in a large module, becomes the body of its C interface."""

import numpy as np
import pytest

from pharos import ir
from pharos.targets.cpu import codegen
from pharos.targets.cpu.interfaces import join_interfaces
from pharos.toolchain import build, load, mlir_payload


def sums(count: int) -> str:
    """``y += %x0 + %x1 + ...``, one operation each."""
    kind = "memref<3x40xf32>"
    inputs = ", ".join(f"%x{n}: {kind}" for n in range(count))
    each = "\n".join(
        f"""  linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>,
      affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}}
      ins(%x{n} : {kind}) outs(%y : {kind}) {{
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      linalg.yield %s : f32
    }}"""
        for n in range(count)
    )
    return f"func.func @f({inputs}, %y: {kind}) {{\n{each}\n  return\n}}"


@pytest.mark.parametrize("count", [2, 60])
def test_functions_with_many_arrays_leave(count, monkeypatch):
    monkeypatch.setattr(codegen, "_LARGE", 0)
    joined = []

    def join(module):
        join_interfaces(module)
        ir.verify(module)
        text = str(module)
        assert "llvm.func @_mlir_ciface_f(" in text
        joined.append("llvm.func @f(" not in text)

    monkeypatch.setattr(codegen, "join_interfaces", join)
    runner = load(build(mlir_payload(sums(count)), fresh=True).artifact)
    assert joined == [count == 60]
    x = np.random.default_rng(0).random((count, 3, 40), np.float32)
    y = right = np.zeros((3, 40), np.float32)
    for one in x:
        right = one + right
    # Every other array begins after the start of its memory.
    arrays = [np.concatenate([one, one])[3:] if n % 2 else one for n, one in enumerate(x)]
    runner.call("f", *arrays, y)
    assert np.array_equal(y, right)
