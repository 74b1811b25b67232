"""What a simulated device finds wrong in a kernel names the line of the payload."""

import numpy as np
import pytest

from pharos import toolchain
from pharos.simt import SimulationFault
from pharos.toolchain import Request

TARGETS = ("nvidia:sim", "amd:sim", "xegpu:sim")
# Line 8 reads an element of %table that the numbers in %at choose.
GATHER = """#all = affine_map<(d0) -> (d0)>
func.func @main(%table: memref<16xf32>, %at: memref<40xi32>, %out: memref<40xf32>) {
  linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel"]}
      ins(%at : memref<40xi32>) outs(%out : memref<40xf32>) {
  ^bb0(%n: i32, %old: f32):
    %i = arith.index_cast %n : i32 to index

    %x = memref.load %table[%i] : memref<16xf32>
    linalg.yield %x : f32
  }
  return
}
"""
# Line 7 asserts that it is one of them.
ASSERTED = GATHER.replace(
    "\n\n",
    "\n%size = arith.constant 16 : index %ok = arith.cmpi ult, %i, %size : index "
    'cf.assert %ok, "outside"\n',
)
# Nobody writes to %none, and line 7 uses it.
UNWRITTEN = """#all = affine_map<(d0) -> (d0)>
func.func @main(%out: memref<40xf32>) {
  %none = memref.alloc() : memref<40xf32>
  linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel"]}
      ins(%none : memref<40xf32>) outs(%out : memref<40xf32>) {
  ^bb0(%x: f32, %old: f32):
    %y = arith.addf %x, %x : f32
    linalg.yield %y : f32
  }
  return
}
"""


def loaded(text, target):
    payload = toolchain.mlir_payload(text, "payload.mlir")
    return toolchain.load(toolchain.build(payload, Request(target=target), fresh=True).artifact)


@pytest.mark.parametrize("target", TARGETS)
def test_an_access_out_of_bounds(target):
    runner = loaded(GATHER, target)
    at = np.arange(40, dtype=np.int32) % 16
    table, out = np.arange(16, dtype=np.float32), np.zeros(40, np.float32)
    runner.call("main", table, at, out)
    np.testing.assert_array_equal(out, table[at])
    at[37] = 16
    with pytest.raises(SimulationFault, match="byte 64 of argument 0, which has 64 bytes") as found:
        runner.call("main", table, at, out)
    assert found.value.kind == "global out of bounds"
    assert found.value.span.line == 8
    assert found.value.thread == (37, 0, 0)


@pytest.mark.parametrize("target", TARGETS)
def test_an_assertion_that_fails(target):
    runner = loaded(ASSERTED, target)
    at = np.arange(40, dtype=np.int32) % 16
    table, out = np.arange(16, dtype=np.float32), np.zeros(40, np.float32)
    runner.call("main", table, at, out)
    np.testing.assert_array_equal(out, table[at])
    at[37] = -1
    with pytest.raises(SimulationFault, match="an assertion of the program failed") as found:
        runner.call("main", table, at, out)
    assert (found.value.span.line, found.value.thread) == (7, (37, 0, 0))


@pytest.mark.parametrize("target", TARGETS)
def test_memory_that_nobody_wrote(target):
    with pytest.raises(SimulationFault, match="scratch buffer") as found:
        loaded(UNWRITTEN, target).call("main", np.zeros(40, np.float32))
    assert found.value.kind == "unwritten read"
    assert found.value.span.line in (4, 7)
