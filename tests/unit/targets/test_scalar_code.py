"""Which modules in the LLVM dialect LLVM's optimisations are left out for."""

from __future__ import annotations

import pytest

from pharos import ir
from pharos.targets.cpu.scalar_code import has_scalar_code

LOOP = """
llvm.func @{name}(%p: !llvm.ptr, %n: i64) {{
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  llvm.br ^head(%zero : i64)
^head(%i: i64):
  %more = llvm.icmp "slt" %i, %n : i64
  llvm.cond_br %more, ^body, ^end
^body:
  {body}
  %next = llvm.add %i, %one : i64
  llvm.br ^head(%next : i64)
^end:
  llvm.return
}}
"""
VECTOR = """%v = llvm.load %p : !llvm.ptr -> vector<8xf32>
  llvm.store %v, %p : vector<8xf32>, !llvm.ptr"""
SCALAR = """%v = llvm.load %p : !llvm.ptr -> f32
  llvm.store %v, %p : f32, !llvm.ptr"""
SMALL = "llvm.func @small(%i: i64) { llvm.return }"
OUTSIDE = "llvm.func @outside(i64)"
RECURSION = "llvm.func @again(%i: i64) { llvm.call @again(%i) : (i64) -> ()  llvm.return }"
OPENMP = """
llvm.func @shared(%p: !llvm.ptr, %n: i64) {{
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  omp.parallel {{
    omp.wsloop {{
      omp.loop_nest (%i) : i64 = (%zero) to (%n) step (%one) {{
        {body}
        omp.yield
      }}
    }}
    omp.terminator
  }}
  llvm.return
}}
"""


def loop(body: str, name: str = "f") -> str:
    return LOOP.format(name=name, body=body)


@pytest.mark.parametrize(
    ("text", "scalar"),
    [
        (loop(VECTOR), False),
        (loop(SCALAR), True),
        (SMALL, False),
        (loop("llvm.call @small(%i) : (i64) -> ()") + SMALL, True),
        (loop("llvm.call @outside(%i) : (i64) -> ()") + OUTSIDE, False),
        (loop("llvm.call @g(%p, %n) : (!llvm.ptr, i64) -> ()") + loop(VECTOR, "g"), False),
        (loop("llvm.call @g(%p, %n) : (!llvm.ptr, i64) -> ()") + loop(SCALAR, "g"), True),
        (RECURSION, True),
        (OPENMP.format(body=VECTOR), False),
        (OPENMP.format(body=SCALAR), True),
        (OPENMP.format(body="llvm.call @f(%p, %n) : (!llvm.ptr, i64) -> ()") + loop(VECTOR), False),
    ],
)
def test_loops_over_numbers_are_told_from_kernels(text: str, scalar: bool) -> None:
    assert has_scalar_code(ir.operations(ir.parse(text), outer_first=True)) is scalar


def test_a_kernel_of_vectors_may_fill_a_table() -> None:
    table = loop(SCALAR, "table").replace("^", "^t_").replace("%", "%t_")
    table = table.split("\n", 2)[2].rsplit("llvm.return", 1)[0]
    kernel = loop(VECTOR).replace("%p: !llvm.ptr", "%t_p: !llvm.ptr, %p: !llvm.ptr")
    kernel = kernel.replace(
        "%n: i64) {", "%t_n: i64, %n: i64) attributes {llvm.bareptr} {\n" + table
    )
    module = ir.parse(kernel)
    assert len(ir.operations(module, "llvm.br")) == 4
    assert not has_scalar_code(ir.operations(module, outer_first=True))
    alone = ir.parse(loop(SCALAR).replace("i64) {", "i64) attributes {llvm.bareptr} {"))
    assert has_scalar_code(ir.operations(alone, outer_first=True))


def test_only_the_inner_of_two_loops_counts() -> None:
    inner = """llvm.br ^inner(%zero : i64)
^inner(%j: i64):
  %v = llvm.load %p : !llvm.ptr -> vector<8xf32>
  llvm.store %v, %p : vector<8xf32>, !llvm.ptr
  %j2 = llvm.add %j, %one : i64
  %again = llvm.icmp "slt" %j2, %n : i64
  llvm.cond_br %again, ^inner(%j2 : i64), ^last
^last:"""
    module = ir.parse(loop(inner))
    assert not has_scalar_code(ir.operations(module, outer_first=True))
    scalar = inner.replace("vector<8xf32>", "f32")
    assert has_scalar_code(ir.operations(ir.parse(loop(scalar)), outer_first=True))
