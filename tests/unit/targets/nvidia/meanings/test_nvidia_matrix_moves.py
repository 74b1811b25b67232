"""ldmatrix and stmatrix: which bytes of shared memory each lane gets, and what is refused."""

import numpy as np
import pytest
from lone_instructions import built

from pharos.simt import SimulationFault
from pharos.targets.nvidia.meanings.fragments import Fragment

TILE = Fragment(8, 8, 16)
# Thread t fills bytes 16 t.. of shared memory, tiles of eight rows one after another; eight lanes
# give the rows of a tile in a mixed order, so that the address decides and not the lane.
KERNEL = """
@s = internal addrspace(3) global [512 x i8] undef, align 16
define void @k(ptr %in, ptr %order, ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %from = getelementptr [16 x i8], ptr %in, i32 %t
  %row = load <16 x i8>, ptr %from
  %to = getelementptr [16 x i8], ptr addrspace(3) @s, i32 %t
  FILL
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %which = getelementptr i32, ptr %order, i32 %t
  %offset = load i32, ptr %which
  %address = getelementptr i8, ptr addrspace(3) @s, i32 %offset
  %o = getelementptr [4 x i32], ptr %out, i32 %t
  MOVE
  ret void
}
"""
ORDER = np.random.default_rng(2).permutation(8)


def run(fill, move, data, offsets, out, order="forward"):
    text = KERNEL.replace("FILL", fill).replace("MOVE", move)
    built(text).run((1,), (32,), [data, offsets, out], order=order)


def load(count, trans):
    type = "i32" if count == 1 else "{ " + ", ".join(["i32"] * count) + " }"
    lines = [f"%r = call {type} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x{count}{trans}.b16.p3("
             "ptr addrspace(3) %address)"]  # fmt: skip
    for i in range(count):
        value = "%r" if count == 1 else f"%r{i}"
        if count > 1:
            lines.append(f"{value} = extractvalue {type} %r, {i}")
        lines += [f"%o{i} = getelementptr i32, ptr %o, i32 {i}", f"store i32 {value}, ptr %o{i}"]
    return "\n  ".join(lines)


@pytest.mark.parametrize("trans", ["", ".trans"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_ldmatrix(count, trans):
    tiles = np.arange(256, dtype=np.uint16).reshape(4, 8, 8)
    rows = np.concatenate([8 * tile + ORDER for tile in range(4)])
    out = np.zeros((32, 4), np.uint32)
    store = "store <16 x i8> %row, ptr addrspace(3) %to"
    run(store, load(count, trans), tiles, (16 * rows).astype(np.int32), out)
    for tile in range(count):
        given = tiles[tile][ORDER]
        wanted = TILE.distribute(given.T.copy() if trans else given)
        assert (out[:, tile].copy().view(np.uint16).reshape(32, 2) == wanted).all()


@pytest.mark.parametrize("trans", ["", ".trans"])
@pytest.mark.parametrize("count", [1, 4])
def test_stmatrix(count, trans):
    """Registers that hold tiles; then every thread copies its row out."""
    tiles = np.arange(256, dtype=np.uint16).reshape(4, 8, 8)
    held = np.stack([TILE.distribute(tile.T.copy() if trans else tile) for tile in tiles], axis=1)
    registers = ", ".join(f"i32 %v{i}" for i in range(count))
    fill = "\n  ".join(f"%v{i} = extractelement <4 x i32> %all, i32 {i}" for i in range(count))
    move = (
        f"call void @llvm.nvvm.stmatrix.sync.aligned.m8n8.x{count}{trans}.b16.p3("
        f"ptr addrspace(3) %address, {registers})\n"
        "  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)\n"
        "  %inside = icmp ult i32 %t, LANES\n  br i1 %inside, label %copy, label %end\ncopy:\n"
        "  %back = load <16 x i8>, ptr addrspace(3) %to\n  store <16 x i8> %back, ptr %o\n"
        "  br label %end\nend:"
    ).replace("LANES", str(8 * count))
    rows = np.concatenate([8 * tile + ORDER for tile in range(4)])
    out = np.zeros((32, 8), np.uint16)
    fill = "%all = bitcast <16 x i8> %row to <4 x i32>\n  " + fill
    run(fill, move, held, (16 * rows).astype(np.int32), out)
    for tile in range(count):
        assert (out[8 * tile + ORDER] == tiles[tile]).all()


def test_rows_that_are_not_aligned():
    offsets = np.arange(32, dtype=np.int32) * 8
    with pytest.raises(SimulationFault, match="not at a multiple of 16"):
        run("store <16 x i8> %row, ptr addrspace(3) %to", load(4, ""),
            np.zeros(512, np.uint8), offsets, np.zeros(128, np.uint32))  # fmt: skip
