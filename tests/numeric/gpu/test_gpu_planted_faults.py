"""One fault of each kind, planted in a kernel, is found on every simulated device: with the
kernel, the block, the work-item and the line of the payload."""

import numpy as np
import pytest

from pharos import ir, toolchain
from pharos.simt import SimulationFault
from pharos.toolchain import Payload, Request

SLOW = [
    pytest.param(chip, marks=pytest.mark.slow) for chip in ("nvidia:sm_80:sim", "amd:gfx942:sim")
]
TARGETS = ("nvidia:sim", "amd:sim", "xegpu:sim", *SLOW)
THREADS = 128
# Every block turns its numbers around in workgroup memory: two blocks of 128 work-items.
KERNEL = """module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @planted_0(%x: memref<256xf32>, %y: memref<256xf32>)
        workgroup(%s: memref<128xf32, #gpu.address_space<workgroup>>) kernel
        attributes {known_block_size = array<i32: 128, 1, 1>,
                    known_grid_size = array<i32: 2, 1, 1>, pharos.described = ["", ""]} {
      %t = gpu.thread_id x
      %b = gpu.block_id x
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      %c127 = arith.constant 127 : index
      %c128 = arith.constant 128 : index
      %first = arith.muli %b, %c128 : index
      %i = arith.addi %first, %t : index
      %next = arith.addi %i, %c1 : index
      %after = arith.addi %t, %c1 : index
      %low = arith.cmpi ult, %t, %c64 : index
      %mine = memref.load %x[%i] : memref<256xf32>
      memref.store %mine, %s[%t] : memref<128xf32, #gpu.address_space<workgroup>>
      gpu.barrier
      %other = arith.subi %c127, %t : index
      %v = memref.load %s[%other] : memref<128xf32, #gpu.address_space<workgroup>>
      memref.store %v, %y[%i] : memref<256xf32>
      gpu.return
    }
  }
  func.func @main(%x: memref<256xf32>, %y: memref<256xf32>) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c128 = arith.constant 128 : index
    gpu.launch_func @kernels::@planted_0 blocks in (%c2, %c1, %c1)
        threads in (%c128, %c1, %c1) args(%x : memref<256xf32>, %y : memref<256xf32>)
    return
  }
}
"""
# Of each fault: its kinds, what is written for what in the kernel, and the block and work-items
# that can be the first to do it; None for any.
READ = "%v = memref.load %s[%other] : memref<128xf32, #gpu.address_space<workgroup>>"
FAULTS = {
    "global memory ends": (
        "global out of bounds",
        "%mine = memref.load %x[%i]", "%mine = memref.load %x[%next]", (1, [127]),
    ),
    "a store beyond the end": (
        "global out of bounds", "memref.store %v, %y[%i]", "memref.store %v, %y[%next]", (1, [127]),
    ),
    "shared memory ends": (
        "shared out of bounds", "%mine, %s[%t]", "%mine, %s[%after]", (0, [127]),
    ),
    "nobody wrote it": (
        "unwritten read",
        "memref.store %mine, %s[%t] :",
        "scf.if %low { memref.store %mine, %s[%t] : memref<128xf32, #gpu.address_space<workgroup>> "
        "}\n //", (0, list(range(64))),
    ),
    # The first work-items would read what nobody wrote; here all of them wrote it before.
    "no barrier": (
        "shared race",
        "gpu.barrier\n", "gpu.barrier\n      memref.store %mine, %s[%t] : "
        "memref<128xf32, #gpu.address_space<workgroup>>\n", (0, None),
    ),
    "half a barrier": (
        "divergent barrier|deadlock", "gpu.return", "scf.if %low { gpu.barrier }\n      gpu.return",
        (0, [0]),
    ),
    "a vector at an odd place": (
        "misaligned access",
        READ,
        "%w = vector.load %x[%next] {alignment = 16 : i64} : memref<256xf32>, vector<4xf32>\n"
        "      %v = vector.extract %w[0] : f32 from vector<4xf32>", (0, [0, 1]),
    ),
}  # fmt: skip
# Where hardware or the order of work-items decides, the line of either half of a fault may be told.
LINES = {
    "global memory ends": ["%x[%next]"],
    "a store beyond the end": ["%y[%next]"],
    "shared memory ends": ["%s[%after]"],
    "nobody wrote it": ["%s[%other]"],
    "no barrier": ["%s[%t]", "%s[%other]"],
    "half a barrier": ["scf.if %low { gpu.barrier }"],
    "a vector at an odd place": ["%x[%next]"],
}


def ran(text, target, folder):
    """What the kernel of ``text`` makes of 0, 1, ...; it is compiled from where kernels begin."""
    path = folder / "planted.mlir"
    path.write_text(text)
    payload = Payload(str(path), text, lambda: ir.parse_file(path))
    request = Request(target=target, driving={"start_at": "fast-math"})
    runner = toolchain.load(toolchain.build(payload, request, fresh=True).artifact)
    x, y = np.arange(256, dtype=np.float32), np.full(256, np.nan, np.float32)
    runner.call("main", x, y)
    return y


@pytest.mark.parametrize("target", TARGETS)
def test_the_kernel_is_right_without_a_fault(target, tmp_path):
    expected = np.arange(256, dtype=np.float32).reshape(2, THREADS)[:, ::-1].reshape(-1)
    np.testing.assert_array_equal(ran(KERNEL, target, tmp_path), expected)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name, target, tmp_path):
    kind, good, bad, (block, threads) = FAULTS[name]
    assert good in KERNEL
    text = KERNEL.replace(good, bad, 1)
    with pytest.raises(SimulationFault) as caught:
        ran(text, target, tmp_path)
    found = caught.value
    assert found.kind in kind.split("|")
    assert found.kernel == "planted_0" and found.block == (block, 0, 0)
    assert found.thread[1:] == (0, 0) and 0 <= found.thread[0] < THREADS
    assert threads is None or found.thread[0] in threads
    assert found.span is not None and found.span.file == str(tmp_path / "planted.mlir")
    line = text.splitlines()[found.span.line - 1]
    assert any(word in line for word in LINES[name]), line
