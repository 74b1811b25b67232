"""wgmma: every layout of its operands against numpy, and what shows when a step is forgotten."""

import ml_dtypes
import numpy as np
import pytest
from lone_instructions import built

from pharos.simt import SimulationFault
from pharos.targets.nvidia.meanings.accumulators import SETTLE, settle_uses
from pharos.targets.nvidia.meanings.fragments import Fragment
from pharos.targets.nvidia.meanings.matrix_descriptors import MatrixDescriptor
from pharos.targets.nvidia.meanings.swizzles import Swizzle

ELEMENTS = {"f16": np.float16, "bf16": ml_dtypes.bfloat16, "tf32": np.float32}
ROOM = 1 << 16
B_START = 1 << 15
# A warpgroup fills shared memory from %in, and its registers from %acc; then BODY.
KERNEL = f"""
@s = external addrspace(3) global [0 x i8], align 1024
define void @k(ptr %in, ptr %acc, ptr %out, i64 %da, i64 %db) {{
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  br label %each
each:
  %i = phi i32 [ %t, %0 ], [ %n, %each ]
  %f = getelementptr i32, ptr %in, i32 %i
  %v = load i32, ptr %f
  %p = getelementptr i32, ptr addrspace(3) @s, i32 %i
  store i32 %v, ptr addrspace(3) %p
  %n = add i32 %i, 128
  %more = icmp ult i32 %n, {ROOM // 4}
  br i1 %more, label %each, label %filled
filled:
  call void @llvm.nvvm.fence.proxy.async.shared_cta()
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  BODY
  ret void
}}
"""
PROXY = "call void @llvm.nvvm.fence.proxy.async.shared_cta()"
FENCE = "call void @llvm.nvvm.wgmma.fence.sync.aligned()"
COMMIT = "call void @llvm.nvvm.wgmma.commit_group.sync.aligned()"
WAIT = "call void @llvm.nvvm.wgmma.wait_group.sync.aligned(i64 0)"


def struct(n):
    return "{ " + ", ".join(["float"] * (n // 2)) + " }"


def start(n):
    """%x0.. are the accumulators, from %acc."""
    lines = [f"%base = mul i32 %t, {n // 2}"]
    for i in range(n // 2):
        lines += [f"%a{i} = add i32 %base, {i}",
                  f"%b{i} = getelementptr float, ptr %acc, i32 %a{i}",
                  f"%x{i} = load float, ptr %b{i}"]  # fmt: skip
    return lines


def product(n, k, type, result="d", given="%x", a="%da", b="%db", flags=(1, 1, 1, 0, 0)):
    """The assembly as MLIR writes it: scale of d, signs of a and b, majors of a and b."""
    held = n // 2
    outs, ins = ", ".join(f"${i}" for i in range(held)), ",".join(map(str, range(held)))
    majors = "" if type == "tf32" else f", ${2 * held + 5},  ${2 * held + 6}"
    flags = flags[:3] if type == "tf32" else flags
    text = (
        rf"{{\0A.reg .pred p;\0Asetp.ne.b32 p, ${2 * held + 2}, 0;\0Awgmma.mma_async.sync.aligned."
        rf"m64n{n}k{k}.f32.{type}.{type} {{{outs}}}, ${2 * held}, ${2 * held + 1}, p, "
        rf"${2 * held + 3},  ${2 * held + 4}{majors};\0A}}\0A"
    )
    constraints = ",".join(["=f"] * held + [ins, "l,l"] + ["n"] * len(flags))
    values = [f"float {given}{i}" for i in range(held)]
    operands = ", ".join([*values, f"i64 {a}", f"i64 {b}", *(f"i32 {flag}" for flag in flags)])
    return f'%{result} = call {struct(n)} asm sideeffect "{text}", "{constraints}"({operands})'


def taken(n, result="d", name="%y"):
    """The registers of a result as values of their own."""
    return [f"{name}{i} = extractvalue {struct(n)} %{result}, {i}" for i in range(n // 2)]


def shown(n, name="%y"):
    lines = [f"%outbase = mul i32 %t, {n // 2}"]
    for i in range(n // 2):
        lines += [f"%oi{i} = add i32 %outbase, {i}",
                  f"%op{i} = getelementptr float, ptr %out, i32 %oi{i}",
                  f"store float {name}{i}, ptr %op{i}"]  # fmt: skip
    return lines


def laid_out(matrix, descriptor, k_major, room):
    """Puts a matrix (rows, or columns of B, by k) where its descriptor says it is."""
    size = matrix.itemsize
    raw = np.ascontiguousarray(matrix).view(np.uint8).reshape(*matrix.shape, size)
    for row, k in np.ndindex(matrix.shape):
        at = descriptor.address(row, k, size, k_major)
        room[at : at + size] = raw[row, k]


def registers(matrix):
    """What 128 threads hold of a matrix of 64 rows: a warp has 16 of them."""
    fragment = Fragment(16, matrix.shape[1], 32, 8)
    return np.concatenate([fragment.distribute(matrix[16 * w : 16 * w + 16]) for w in range(4)])


def run(body, a, b, da, db, majors, sums, latest=True, checked=True, text=KERNEL):
    room = np.zeros(ROOM, np.uint8)
    laid_out(a, da, majors[0], room)
    laid_out(b, db, majors[1], room)
    given = registers(sums)
    out = np.full_like(given, 77)
    kernel = built(text.replace("BODY", "\n  ".join(body)), checked=checked)
    arguments = [room, given, out, da.encode(), db.encode()]
    kernel.run((1,), (128,), arguments, dynamic_shared=ROOM, latest=latest)
    return out


def strides(rows, k, size, swizzle, k_major):
    """Leading and stride offsets of a matrix whose atoms lie densely one after another."""
    span = swizzle.span
    if k_major:
        return (rows * 16, 128) if not swizzle else (16, 8 * span)
    if not swizzle:
        return rows * 16, 128
    return -(-k // 8) * 8 * span, 8 * span


def values(element, *shape):
    return np.random.default_rng(shape[0]).standard_normal(shape).astype(element)


def exact(a, b, sums, truncated=False):
    if truncated:
        a, b = ((x.view(np.uint32) & 0xFFFFE000).view(np.float32) for x in (a, b))
    return a.astype(np.float64) @ b.astype(np.float64).T + sums


def close(found, wanted):
    assert np.abs(found - registers(wanted)).max() <= 1e-4


SLOW = pytest.mark.slow
LAYOUTS = [
    ("f16", 16, Swizzle.NONE, True, True),
    pytest.param("bf16", 32, Swizzle.B32, True, True, marks=SLOW),
    ("f16", 8, Swizzle.B64, True, True),
    ("bf16", 64, Swizzle.B128, True, True),
    pytest.param("tf32", 16, Swizzle.B128, True, True, marks=SLOW),
    ("tf32", 8, Swizzle.NONE, True, True),
    ("f16", 64, Swizzle.NONE, False, False),
    pytest.param("f16", 32, Swizzle.B32, False, True, marks=SLOW),
    pytest.param("bf16", 64, Swizzle.B64, True, False, marks=SLOW),
    pytest.param("f16", 128, Swizzle.B128, False, False, marks=SLOW),
]


@pytest.mark.parametrize(("type", "n", "swizzle", "a_k", "b_k"), LAYOUTS)
def test_products_of_all_layouts(type, n, swizzle, a_k, b_k):
    element = ELEMENTS[type]
    size = np.dtype(element).itemsize
    k = 32 // size
    a, b, sums = values(element, 64, k), values(element, n, k), values(np.float32, 64, n)
    da, db = (
        MatrixDescriptor(start, *strides(rows, k, size, swizzle, major), swizzle)
        for start, rows, major in ((0, 64, a_k), (B_START, n, b_k))
    )
    flags = (1, 1, 1, int(not a_k), int(not b_k))
    body = [*start(n), FENCE, product(n, k, type, flags=flags), COMMIT, WAIT, *taken(n), *shown(n)]
    for latest in (True, False):
        found = run(body, a, b, da, db, (a_k, b_k), sums, latest)
        close(found, exact(a, b, sums, type == "tf32"))


A, B = values(np.float16, 64, 64), values(np.float16, 16, 64)
SUMS = values(np.float32, 64, 16)
DA, DB = (MatrixDescriptor(at, 16, 1024, Swizzle.B128) for at in (0, B_START))
PLAIN = product(16, 16, "f16")


def simple(*body, latest=True, checked=True, text=KERNEL):
    return run([*start(16), *body], A, B, DA, DB, (True, True), SUMS, latest, checked, text)


def first_k():
    return exact(A[:, :16], B[:, :16], SUMS)


MODES = pytest.mark.parametrize("latest", [True, False])


@pytest.mark.slow
@MODES
def test_scales(latest):
    """Without the accumulators, and with both operands' signs turned, or one's."""
    for flags, wanted in (
        ((0, 1, 1, 0, 0), exact(A[:, :16], B[:, :16], 0)),
        ((1, -1, 1, 0, 0), exact(-A[:, :16], B[:, :16], SUMS)),
        ((1, -1, -1, 0, 0), first_k()),
    ):
        body = (FENCE, product(16, 16, "f16", flags=flags), COMMIT, WAIT, *taken(16), *shown(16))
        close(simple(*body, latest=latest), wanted)


@MODES
def test_a_chain_of_products_along_k(latest):
    """Four steps inside of one span of 128 bytes: the start moves by 32 bytes each."""
    body = [FENCE, PLAIN]
    for step in range(1, 4):
        body += [f"%da{step} = add i64 %da, {2 * step}", f"%db{step} = add i64 %db, {2 * step}"]
        before = "d" if step == 1 else f"d{step - 1}"
        body += taken(16, before, f"%c{step}.")
        body += [product(16, 16, "f16", f"d{step}", f"%c{step}.", f"%da{step}", f"%db{step}")]
    found = simple(*body, COMMIT, WAIT, *taken(16, "d3"), *shown(16), latest=latest)
    close(found, exact(A, B, SUMS))


@MODES
def test_a_loop_that_passes_accumulators_on(latest):
    """Structures through a phi, waited for in the next round, as compilers write it."""
    insert, before = [], "poison"
    for i in range(8):
        insert.append(f"%s{i} = insertvalue {struct(16)} {before}, float %x{i}, {i}")
        before = f"%s{i}"
    one = "call void @llvm.nvvm.wgmma.wait_group.sync.aligned(i64 1)"
    body = [*insert, "br label %loop\nloop:",
            "%k = phi i64 [ 0, %filled ], [ %k2, %loop ]",
            f"%c = phi {struct(16)} [ %s7, %filled ], [ %d, %loop ]",
            "%ka = add i64 %da, %k", "%kb = add i64 %db, %k", FENCE, *taken(16, "c", "%z"),
            product(16, 16, "f16", "d", "%z", "%ka", "%kb"), COMMIT, one, "%k2 = add i64 %k, 2",
            "%again = icmp ult i64 %k2, 8", "br i1 %again, label %loop, label %after\nafter:",
            WAIT, *taken(16, "d"), *shown(16)]  # fmt: skip
    close(simple(*body, latest=latest), exact(A, B, SUMS))


@MODES
@pytest.mark.parametrize("forgotten", [WAIT, COMMIT])
def test_accumulators_that_are_used_before_the_wait(forgotten, latest):
    body = [line for line in (FENCE, PLAIN, COMMIT, WAIT) if line != forgotten]
    with pytest.raises(SimulationFault, match=r"used before wgmma\.wait_group"):
        simple(*body, *taken(16), *shown(16), latest=latest)


def test_registers_that_are_given_without_a_fence():
    with pytest.raises(SimulationFault, match=r"without wgmma\.fence"):
        simple(PLAIN, COMMIT, WAIT, *taken(16), *shown(16))


def test_operands_that_threads_stored_without_a_fence_of_the_proxies():
    plain = KERNEL.replace(PROXY, "")
    body = (FENCE, PLAIN, COMMIT, WAIT, *taken(16), *shown(16))
    with pytest.raises(SimulationFault, match=r"no fence\.proxy\.async came between"):
        simple(*body, text=plain)
    # Who starts the reading may say it too, after the barrier.
    close(simple(PROXY, *body, text=plain), first_k())


def test_operands_that_are_overwritten_before_the_wait_show_at_the_latest_moment():
    barrier = "call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)"
    spoil = ["%q = getelementptr i64, ptr addrspace(3) @s, i32 %t",
             "store i64 0, ptr addrspace(3) %q"]  # fmt: skip
    body = [FENCE, PLAIN, COMMIT, barrier, *spoil, WAIT, *taken(16), *shown(16)]
    assert np.abs(simple(*body, checked=False) - registers(first_k())).max() > 0.1
    close(simple(*body, checked=False, latest=False), first_k())
    with pytest.raises(SimulationFault, match="race"):
        simple(*body)
    waited = [FENCE, PLAIN, COMMIT, WAIT, barrier, *spoil, *taken(16), *shown(16)]
    close(simple(*waited), first_k())


@pytest.mark.slow
def test_lanes_with_different_descriptors():
    other = ["%wide = zext i32 %t to i64", "%dx = add i64 %da, %wide"]
    with pytest.raises(SimulationFault, match="different operands"):
        simple(*other, FENCE, product(16, 16, "f16", a="%dx"), COMMIT, WAIT)


def test_a_swizzle_pattern_that_begins_off_its_period():
    moved = ["%dx = add i64 %da, 8"]
    with pytest.raises(SimulationFault, match="begins at 0x80"):
        simple(*moved, FENCE, product(16, 16, "f16", a="%dx"), COMMIT, WAIT)


@pytest.mark.slow
def test_accumulators_of_two_products_mixed():
    mixed = [*taken(16), *taken(16, "e", "%w"), "%m0 = freeze float %w0"]
    mixed += [f"%m{i} = freeze float %y{i}" for i in range(1, 8)]
    body = [FENCE, PLAIN, product(16, 16, "f16", "e"), *mixed,
            product(16, 16, "f16", "g", "%m"), COMMIT, WAIT]  # fmt: skip
    with pytest.raises(SimulationFault, match="different wgmma are given together"):
        simple(*body)


def test_uses_are_settled_through_structures_and_phis():
    """Everything that only passes values on stays; what computes or stores gets settled ones."""
    nested = "{ { float, float }, { float, float } }"
    lines = (
        '  %d = call { float, float } asm "wgmma.mma_async", "=f,=f"(float %x0, float %x1)',
        f"  %s = insertvalue {nested} poison, {{ float, float }} %d, 1",
        f"  %p = phi {nested} [ %s, %a ], [ zeroinitializer, %b ]",
        f"  %one = extractvalue {nested} %p, 1, 0",
        f"  %half = extractvalue {nested} %p, 1",
        "  %two = extractvalue { float, float } %half, 1",
        "  %t = phi float [ %two, %a ], [ 0.0, %b ]",
        "  %sum = fadd float %one, %one",
        "  store float %t, ptr %q, align 4, !dbg !7",
        "  %other = fadd float %twofold, %sum",
    )
    settled = settle_uses(lines)
    assert settled[:7] == lines[:7] and settled[-1] == lines[-1]
    assert list(settled[7:-1]) == [
        f'  %settled.1 = call float @"{SETTLE}"(float %one)',
        "  %sum = fadd float %settled.1, %settled.1",
        f'  %settled.2 = call float @"{SETTLE}"(float %t), !dbg !7',
        "  store float %settled.2, ptr %q, align 4, !dbg !7",
    ]
    assert settle_uses(lines[7:]) == lines[7:]
