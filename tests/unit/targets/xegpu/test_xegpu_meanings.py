"""Every function that XeGPU kernels call, alone, against numpy."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from pharos.simt import SimulationFault, Simulator
from pharos.targets.xegpu.meanings import TABLE
from pharos.targets.xegpu.meanings.listing import page

PAGE = Path(__file__).parents[4] / "docs" / "xegpu-instructions.md"

ATTRIBUTES = "PU3AS1viiiDv2_iP"
BITS = {8: ("i8", "h", np.uint8), 16: ("i16", "t", np.uint16), 32: ("i32", "j", np.uint32)}


def aligned(array):
    """A copy that begins at a multiple of 64 bytes, as device memory does."""
    memory = np.zeros(array.nbytes + 128, np.uint8)
    start = -memory.ctypes.data % 64
    view = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def run(text, *arguments, grid=(1,), block=(16,), **options):
    kernel = Simulator(text, "k", subgroup_size=16, meanings=TABLE)
    kernel.run(grid, block, arguments, **options)


def block_kernel(name, bits, count, surface, destination="i16"):
    """A kernel: every lane calls ``name`` at a place that is given, for its ``count`` elements."""
    _, letter, _ = BITS[bits if destination != "i32" else 32]
    height, width, pitch = surface
    mangled = f"_Z{len(name)}{name}{ATTRIBUTES}{letter}"
    here = f"ptr addrspace(1) %surface, i32 {width}, i32 {height}, i32 {pitch}, <2 x i32> %place"
    text = f"""
declare spir_func i32 @_Z22get_sub_group_local_id()
declare spir_func void @{mangled}(ptr addrspace(1), i32, i32, i32, <2 x i32>, ptr)
define spir_kernel void @k(ptr addrspace(1) %surface, ptr addrspace(1) %lanes, i32 %x, i32 %y) {{
  %lane = call spir_func i32 @_Z22get_sub_group_local_id()
  %row = mul i32 %lane, {count}
  %mine = getelementptr {destination}, ptr addrspace(1) %lanes, i32 %row
  %own = addrspacecast ptr addrspace(1) %mine to ptr
  %first = insertelement <2 x i32> poison, i32 %x, i32 0
  %place = insertelement <2 x i32> %first, i32 %y, i32 1
  call spir_func void @{mangled}({here}, ptr %own)
  ret void
}}
"""
    return Simulator(text, "k", subgroup_size=16, meanings=TABLE)


def at(kernel, matrix, lanes, place=(0, 0)):
    """Run a ``block_kernel`` for one place."""
    kernel.run((1,), (16,), (matrix, lanes, *place))


def window(matrix, y, x, rows, columns):
    """The block of ``matrix`` at row y and column x, zero outside."""
    found = np.zeros((rows, columns), matrix.dtype)
    for r in range(rows):
        for c in range(columns):
            inside = 0 <= y + r < matrix.shape[0] and 0 <= x + c < matrix.shape[1]
            found[r, c] = matrix[y + r, x + c] if inside else 0
    return found


def numbers(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return aligned(rng.integers(1, 1 << 15, shape).astype(dtype))


@pytest.mark.parametrize(("bits", "rows", "blocks"), [(16, 8, 1), (16, 32, 2), (32, 8, 1)])
def test_block_read(bits, rows, blocks):
    dtype = BITS[bits][2]
    matrix = numbers((37, 48), dtype)
    name = f"intel_sub_group_2d_block_read_{bits}b_{rows}r16x{blocks}c"
    surface = (37, 48 * bits // 8, 48 * bits // 8)
    kernel = block_kernel(name, bits, blocks * rows, surface, f"i{bits}")
    for place in ((0, 0), (16, 3), (40, 30), (-16, -5), (64, 0)):
        lanes = aligned(np.zeros((16, blocks * rows), dtype))
        at(kernel, matrix, lanes, place)
        expected = window(matrix, place[1], place[0], rows, 16 * blocks)
        expected = expected.reshape(rows, blocks, 16).transpose(2, 1, 0).reshape(16, -1)
        assert np.array_equal(lanes, expected), place


def test_block_read_with_transform():
    matrix = numbers((37, 48), np.uint16)
    name = "intel_sub_group_2d_block_read_transform_16b_16r16x1c"
    kernel = block_kernel(name, 16, 8, (37, 96, 96), "i32")
    for place in ((0, 0), (32, 30)):
        lanes = aligned(np.zeros((16, 8), np.uint32))
        at(kernel, matrix, lanes, place)
        block = window(matrix, place[1], place[0], 16, 16).astype(np.uint32)
        assert np.array_equal(lanes, (block[0::2] | block[1::2] << 16).T), place


def test_block_read_with_transpose():
    matrix = numbers((37, 20), np.uint32)
    name = "intel_sub_group_2d_block_read_transpose_32b_16r8x1c"
    kernel = block_kernel(name, 32, 8, (37, 80, 80), "i32")
    for place in ((0, 0), (8, 30)):
        lanes = aligned(np.zeros((16, 8), np.uint32))
        at(kernel, matrix, lanes, place)
        assert np.array_equal(lanes, window(matrix, place[1], place[0], 16, 8)), place


@pytest.mark.parametrize("bits", [16, 32])
def test_block_write_clips(bits):
    dtype = BITS[bits][2]
    name = f"intel_sub_group_2d_block_write_{bits}b_8r16x1c"
    surface = (37, 48 * bits // 8, 48 * bits // 8)
    kernel = block_kernel(name, bits, 8, surface, f"i{bits}")
    for place in ((0, 0), (16, 30), (40, 34)):
        matrix, lanes = numbers((37, 48), dtype), numbers((16, 8), dtype, seed=1)
        expected = matrix.copy()
        at(kernel, matrix, lanes, place)
        x, y = place
        height, width = min(8, 37 - y), min(16, 48 - x)
        expected[y : y + height, x : x + width] = lanes.T[:height, :width]
        assert np.array_equal(matrix, expected), place


@pytest.mark.parametrize(
    ("surface", "place", "message"),
    [
        ((37, 96, 100), (0, 0), "pitch of 100 bytes"),
        ((37, 32, 96), (0, 0), "width of 32 bytes"),
        ((37, 112, 96), (0, 0), "width of 112 bytes"),
        ((37, 96, 96), (1, 0), "begins at column 1"),
    ],
)
def test_illegal_surfaces_are_faults(surface, place, message):
    matrix, lanes = numbers((37, 48), np.uint16), aligned(np.zeros((16, 8), np.uint16))
    kernel = block_kernel("intel_sub_group_2d_block_read_16b_8r16x1c", 16, 8, surface)
    with pytest.raises(SimulationFault, match=message):
        at(kernel, matrix, lanes, place)


def test_a_base_between_lines_is_a_fault():
    matrix, lanes = numbers((37, 48), np.uint16), aligned(np.zeros((16, 8), np.uint16))
    kernel = block_kernel("intel_sub_group_2d_block_read_16b_8r16x1c", 16, 8, (36, 96, 96))
    with pytest.raises(SimulationFault, match="no multiple of 64"):
        at(kernel, matrix.ctypes.data + 16, lanes)


def test_prefetch_moves_nothing_and_is_checked():
    matrix = numbers((37, 48), np.uint16)
    before = matrix.copy()
    name = "_Z45intel_sub_group_2d_block_prefetch_16b_8r16x1cPU3AS1viiiDv2_i"

    pointer, null = "ptr addrspace(1)", "ptr addrspace(1) null"
    annotation = f"{pointer} @llvm.ptr.annotation.p1.p1"

    def text(pitch):
        return f"""
declare spir_func void @{name}({pointer}, i32, i32, i32, <2 x i32>)
declare {annotation}({pointer}, {pointer}, {pointer}, i32, {pointer})
define spir_kernel void @k({pointer} %p) {{
  %q = call {annotation}({pointer} %p, {null}, {null}, i32 0, {null})
  call spir_func void @{name}({pointer} %q, i32 96, i32 37, i32 {pitch}, <2 x i32> splat (i32 400))
  ret void
}}
"""

    run(text(96), matrix)
    assert np.array_equal(matrix, before)
    with pytest.raises(SimulationFault, match="pitch of 98"):
        run(text(98), matrix)


def mad_kernel(name, a, b, sums):
    """One call of a matrix function; lane l has row l of each argument."""

    def load(variable, kind):
        return f"""  %{variable}p = getelementptr {kind}, ptr addrspace(1) %{variable}s, i32 %lane
  %{variable} = load {kind}, ptr addrspace(1) %{variable}p
"""

    return f"""
declare spir_func i32 @_Z22get_sub_group_local_id()
declare spir_func {sums} @{name}({a}, {b}, {sums})
define spir_kernel void @k(ptr addrspace(1) %as, ptr addrspace(1) %bs, ptr addrspace(1) %cs) {{
  %lane = call spir_func i32 @_Z22get_sub_group_local_id()
{load("a", a)}{load("b", b)}{load("c", sums)}
  %d = call spir_func {sums} @{name}({a} %a, {b} %b, {sums} %c)
  store {sums} %d, ptr addrspace(1) %cp
  ret void
}}
"""


@pytest.mark.parametrize("rows", [1, 8])
@pytest.mark.parametrize(("word", "dtype"), [("f16", np.float16), ("bf16", ml_dtypes.bfloat16)])
def test_matrix_mad_of_floats(word, dtype, rows):
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal(s).astype(dtype) for s in ((rows, 16), (16, 16)))
    c = rng.standard_normal((rows, 16)).astype(np.float32)
    name = f"intel_sub_group_{word}_{word}_matrix_mad_k16"
    text = mad_kernel(f"_Z{len(name)}{name}Dv8_sDv8_iDv8_f", f"<{rows} x i16>", "<8 x i32>",
                      f"<{rows} x float>")  # fmt: skip
    sums = aligned(np.ascontiguousarray(c.T))
    words = aligned(np.ascontiguousarray(b.T).view(np.uint32))
    run(text, aligned(np.ascontiguousarray(a.T)), words, sums)
    expected = c.astype(np.float64) + a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_allclose(sums.T, expected, rtol=0, atol=4e-6)


@pytest.mark.parametrize("rows", [2, 4, 8])
def test_matrix_mad_of_tf32(rows):
    rng = np.random.default_rng(5)
    a, b, c = (rng.standard_normal(s).astype(np.float32) for s in ((rows, 8), (8, 16), (rows, 16)))
    name = "intel_sub_group_tf32_tf32_matrix_mad_k8"
    kind = "float" if rows == 2 else f"<{rows // 2} x float>"
    text = mad_kernel(f"_Z{len(name)}{name}Dv4_fDv8_fS0_", kind, "<8 x float>", f"<{rows} x float>")
    # Lanes 0 to 7 have the even rows, the others the odd ones.
    halves = np.ascontiguousarray(a.reshape(rows // 2, 16).T)
    sums = aligned(np.ascontiguousarray(c.T))
    run(text, aligned(halves), aligned(np.ascontiguousarray(b.T)), sums)
    seen = [(x.view(np.uint32) & 0xFFFFE000).view(np.float32).astype(np.float64) for x in (a, b)]
    np.testing.assert_allclose(sums.T, c + seen[0] @ seen[1], rtol=0, atol=4e-6)


@pytest.mark.parametrize(("left", "right"), [("i", "i"), ("u", "i")])
def test_matrix_mad_of_bytes(left, right):
    rng = np.random.default_rng(3)
    kinds = {"i": np.int8, "u": np.uint8}
    a = rng.integers(0, 256, (8, 32)).astype(kinds[left])
    b = rng.integers(0, 256, (32, 16)).astype(kinds[right])
    c = rng.integers(-1000, 1000, (8, 16)).astype(np.int32)
    name = f"intel_sub_group_{left}8_{right}8_matrix_mad_k32"
    text = mad_kernel(f"_Z{len(name)}{name}Dv8_sDv8_iDv8_i", "<8 x i16>", "<8 x i32>", "<8 x i32>")
    # Lane l has columns 2 l and 2 l + 1 of A in one word per row; four rows of B in one word.
    pairs = np.ascontiguousarray(a.reshape(8, 16, 2).transpose(1, 0, 2)).view(np.uint16)
    words = np.ascontiguousarray(b.T).view(np.uint32)
    sums = aligned(np.ascontiguousarray(c.T))
    run(text, aligned(pairs), aligned(words), sums)
    assert np.array_equal(sums.T, c + a.astype(np.int32) @ b.astype(np.int32))


@pytest.mark.parametrize(
    ("function", "by", "lanes"),
    [
        ("sub_group_shuffle", 5, [5] * 16),
        ("sub_group_broadcast", 15, [15] * 16),
        ("sub_group_shuffle_xor", 6, [lane ^ 6 for lane in range(16)]),
        ("sub_group_shuffle_up", 3, [None] * 3 + list(range(13))),
        ("sub_group_shuffle_down", 2, [*range(2, 16), None, None]),
    ],
)
@pytest.mark.parametrize(
    ("kind", "letter", "dtype"), [("float", "f", np.uint32), ("i16", "s", np.uint16)]
)
def test_shuffles(function, by, lanes, kind, letter, dtype):
    name = f"_Z{len(function)}{function}{letter}j"
    text = f"""
declare spir_func i64 @_Z12get_local_idj(i32)
declare spir_func {kind} @{name}({kind}, i32)
define spir_kernel void @k(ptr addrspace(1) %p) {{
  %i = call spir_func i64 @_Z12get_local_idj(i32 0)
  %q = getelementptr {kind}, ptr addrspace(1) %p, i64 %i
  %x = load {kind}, ptr addrspace(1) %q
  %y = call spir_func {kind} @{name}({kind} %x, i32 {by})
  store {kind} %y, ptr addrspace(1) %q
  ret void
}}
"""
    values = numbers(32, dtype)
    ones = np.iinfo(dtype).max
    expected = [
        ones if lane is None else values[16 * half + lane] for half in (0, 1) for lane in lanes
    ]
    run(text, values, block=(32,))
    assert values.tolist() == expected


def test_identifiers():
    names = ["get_local_id", "get_group_id", "get_local_size", "get_num_groups", "get_global_id",
             "get_global_size"]  # fmt: skip
    plain = [
        "get_sub_group_id",
        "get_sub_group_local_id",
        "get_sub_group_size",
        "get_num_sub_groups",
    ]
    lines, declared, slot = [], [], 0
    for name in names:
        declared.append(f"declare spir_func i64 @_Z{len(name)}{name}j(i32)")
        for axis in range(4):
            call = f"call spir_func i64 @_Z{len(name)}{name}j(i32 {axis})"
            lines.append(f"  %v{slot} = {call}")
            slot += 1
    for name in plain:
        declared.append(f"declare spir_func i32 @_Z{len(name)}{name}()")
        lines.append(f"  %w{slot} = call spir_func i32 @_Z{len(name)}{name}()")
        lines.append(f"  %v{slot} = zext i32 %w{slot} to i64")
        slot += 1
    # get_global_id along the axes is where this work-item writes.
    lines.append("  %g1 = mul i64 %v17, 32\n  %g2 = mul i64 %v18, 96\n  %g3 = add i64 %v16, %g1")
    lines.append(f"  %g4 = add i64 %g3, %g2\n  %g5 = mul i64 %g4, {slot}")
    for number in range(slot):
        lines.append(f"  %a{number} = add i64 %g5, {number}")
        lines.append(f"  %p{number} = getelementptr i64, ptr addrspace(1) %p, i64 %a{number}")
        lines.append(f"  store i64 %v{number}, ptr addrspace(1) %p{number}")
    body = "\n".join(lines)
    text = (
        "\n".join(declared)
        + f"""
define spir_kernel void @k(ptr addrspace(1) %p) {{
{body}
  ret void
}}
"""
    )
    found = aligned(np.zeros((4, 3, 32, slot), np.int64))
    run(text, found, grid=(2, 1, 4), block=(16, 3, 1))
    x, y, z = 21, 2, 3
    linear = 5 + 16 * 2
    assert found[z, y, x].tolist() == [
        5, 2, 0, 0,  1, 0, 3, 0,  16, 3, 1, 1,  2, 1, 4, 1,  21, 2, 3, 0,  32, 3, 4, 1,
        linear // 16, linear % 16, 16, 3,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "block"),
    [("_Z7barrierj", 64), ("_Z18work_group_barrierj", 64), ("_Z17sub_group_barrierj", 16)],
)
@pytest.mark.parametrize("order", ["forward", "backward"])
def test_barriers_and_local_memory(name, block, order):
    text = f"""
@local = internal addrspace(3) global [64 x i32] undef, align 64
declare spir_func i64 @_Z12get_local_idj(i32)
declare spir_func void @{name}(i32)
define spir_kernel void @k(ptr addrspace(1) %p) {{
  %i = call spir_func i64 @_Z12get_local_idj(i32 0)
  %q = getelementptr i32, ptr addrspace(1) %p, i64 %i
  %x = load i32, ptr addrspace(1) %q
  %s = getelementptr i32, ptr addrspace(3) @local, i64 %i
  store i32 %x, ptr addrspace(3) %s
  call spir_func void @{name}(i32 3)
  %j = sub i64 {block - 1}, %i
  %t = getelementptr i32, ptr addrspace(3) @local, i64 %j
  %y = load i32, ptr addrspace(3) %t
  store i32 %y, ptr addrspace(1) %q
  ret void
}}
"""
    values = aligned(np.arange(block, dtype=np.int32))
    run(text, values, block=(block,), order=order)
    assert values.tolist() == list(range(block))[::-1]


def test_the_page_in_docs_is_what_the_table_says():
    """`python -m pharos.targets.xegpu.meanings.listing > docs/xegpu-instructions.md`."""
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize(
    "name",
    [
        "_Z4sinff",
        "_Z42intel_sub_group_f16_bf16_matrix_mad_k16Dv8_sDv8_iDv8_f",
        "_Z39intel_sub_group_tf32_f16_matrix_mad_k8Dv4_fDv8_fDv8_f",
        "llvm.nvvm.barrier0",
    ],
)
def test_what_is_not_covered_is_not_taken_for_something_else(name):
    assert TABLE.find(name) is None


def test_every_meaning_names_its_source():
    assert len(TABLE) >= 14
    assert all(entry.source for entry in TABLE)
