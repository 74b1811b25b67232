"""A shared loop that ends its region leaves the waiting to the region."""

import numpy as np

from pharos import ir
from pharos.targets.cpu.one_barrier import OneBarrier
from pharos.toolchain import Request, compile, load, lower, mlir_payload

LOOP = """
      omp.wsloop {{
        omp.loop_nest (%i) : index = (%c0) to (%c8) step (%c1) {{
          memref.store %{value}, %m[%i] : memref<8xindex>
          omp.yield
        }}
      }}"""
HEAD = """
func.func @f(%m: memref<8xindex>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  omp.parallel {"""
TAIL = """
    omp.terminator
  }
  return
}"""
SUM = """
func.func @f(%m: memref<64xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %sum = scf.parallel (%i) = (%c0) to (%c64) step (%c1) init (%zero) -> f32 {
    %v = memref.load %m[%i] : memref<64xf32>
    scf.reduce(%v : f32) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      scf.reduce.return %s : f32
    }
  }
  return %sum : f32
}"""


def rewritten(text):
    module = ir.parse(text)
    OneBarrier().run(module)
    assert module.operation.verify()
    return str(module)


def test_only_the_last_loop_of_a_region_goes_without():
    two = HEAD + LOOP.format(value="c0") + LOOP.format(value="c1") + TAIL
    text = rewritten(two)
    assert text.count("omp.wsloop") == 2 and text.count("omp.wsloop nowait") == 1
    assert text.index("omp.wsloop nowait") == text.rindex("omp.wsloop")


def test_threads_that_add_up_wait():
    request = Request(pipeline="default", driving={"stop_after": "convert-scf-to-openmp"})
    summed = str(lower(mlir_payload(SUM), request).module)
    assert "reduction(" in summed
    assert rewritten(summed).count("nowait") == 0
    values = np.arange(64, dtype=np.float32)
    assert load(compile(mlir_payload(SUM))).call("f", values) == values.sum()
