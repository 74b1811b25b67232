"""Small kernels written by hand in MLIR, one for each way in which matrices are multiplied.

Each is text with places where a test can take a step out: a line that ends in `// NAME` is left out
by ``without``. Numbers are written with affine maps; ``_apply`` is one.
"""

from __future__ import annotations

import re

_SWIZZLE = "swizzle = swizzle_128b, l2promo = none, oob = zero, interleave = none"


def without(text: str, *names: str) -> str:
    """The text without the lines that end in `// NAME`; each must be there."""
    for name in names:
        text, count = re.subn(rf"^.*// {name}$\n?", "", text, flags=re.M)
        assert count, f"no line {name}"
    return text


def _apply(result: str, expression: str, **values: str) -> str:
    """`%result = expression` of index values, whose names in the expression are given."""
    names, given = ", ".join(values), ", ".join(values.values())
    return f"%{result} = affine.apply affine_map<()[{names}] -> ({expression})>()[{given}]"


def _kernel(
    name: str, arguments: str, body: str, block: int, grid: tuple[int, int], more=""
) -> str:
    return f"""
#wg = #gpu.address_space<workgroup>
{more}
module attributes {{gpu.container_module}} {{ gpu.module @kernels {{
 gpu.func @{name}({arguments}) kernel attributes {{
   known_block_size = array<i32: {block}, 1, 1>,
   known_grid_size = array<i32: {grid[0]}, {grid[1]}, 1>}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %t = gpu.thread_id x
  %bx = gpu.block_id x
  %by = gpu.block_id y
{body}
  gpu.return
 }} }} }}"""


def mma_gemm(m: int, n: int, k: int) -> str:
    """C (f32) = A B^T of f16: cp.async in two stages, ldmatrix, mma.sync; tiles of 32 by 16.

    Two warps of 16 by 16; both operands are stored k-major. Sizes divide evenly.
    """
    pitch, steps = 24, k // 16
    body = [
        "  %dyn = gpu.dynamic_shared_memory : memref<?xi8, #wg>",
        f"  %sA = memref.view %dyn[%c0][] : memref<?xi8, #wg> to memref<2x32x{pitch}xf16, #wg>",
        f"  %off = arith.constant {2 * 32 * pitch * 2} : index",
        f"  %sB = memref.view %dyn[%off][] : memref<?xi8, #wg> to memref<2x16x{pitch}xf16, #wg>",
        "  " + _apply("m0", "b * 32", b="%by"),
        "  " + _apply("n0", "b * 16", b="%bx"),
        "  " + _apply("lane", "t mod 32", t="%t"),
        "  " + _apply("warp", "t floordiv 32", t="%t"),
        "  " + _apply("row", "t floordiv 2", t="%t"),
        "  " + _apply("column", "(t mod 2) * 8", t="%t"),
        "  %c32 = arith.constant 32 : index",
        "  %forB = arith.cmpi ult, %t, %c32 : index",
        "  %zero = arith.constant dense<0.0> : vector<2x2xf32>",
        f"  %steps = arith.constant {steps} : index",
        *_stage("p", "%c0", "%c0", m, n, k, pitch),
        "  %r:2 = scf.for %i = %c0 to %steps step %c1 iter_args(%x = %zero, %y = %zero)"
        " -> (vector<2x2xf32>, vector<2x2xf32>) {",
        "  " + _apply("cur", "i mod 2", i="%i"),
        "  " + _apply("nxt", "(i + 1) mod 2", i="%i"),
        "  " + _apply("following", "i + 1", i="%i"),
        "  %inside = arith.cmpi ult, %following, %steps : index",
        "  scf.if %inside {",
        *_stage("l", "%nxt", "%following", m, n, k, pitch),
        "  } else {",
        "   %nothing = nvgpu.device_async_create_group",
        "  }",
        "  %group = nvgpu.device_async_create_group",
        "  nvgpu.device_async_wait %group {numGroups = 2 : i32} // WAIT",
        "  gpu.barrier // FILLED",
        *_fragments(pitch),
        "  gpu.barrier // READ",
        "  scf.yield %d0, %d1 : vector<2x2xf32>, vector<2x2xf32>",
        "  }",
        "  " + _apply("rr", "m + w * 16 + l floordiv 4", m="%m0", w="%warp", l="%lane"),
        "  " + _apply("cc", "n + (l mod 4) * 2", n="%n0", l="%lane"),
    ]
    for j in range(2):
        for h in range(2):
            tag = f"{j}{h}"
            body += [
                "  " + _apply(f"or{tag}", f"r + {8 * h}", r="%rr"),
                "  " + _apply(f"oc{tag}", f"c + {8 * j}", c="%cc"),
                f"  %ov{tag} = vector.extract %r#{j}[{h}] : vector<2xf32> from vector<2x2xf32>",
                f"  vector.store %ov{tag}, %C[%or{tag}, %oc{tag}]"
                f" : memref<{m}x{n}xf32>, vector<2xf32>",
            ]
    arguments = f"%A: memref<{m}x{k}xf16>, %B: memref<{n}x{k}xf16>, %C: memref<{m}x{n}xf32>"
    return _kernel("gemm", arguments, "\n".join(body), 64, (n // 16, m // 32))


def _stage(tag: str, stage: str, step: str, m: int, n: int, k: int, pitch: int) -> list[str]:
    """Copies of one step of both operands, 16 bytes for each thread, as one group."""

    def copy(name: str, first: str, rows: int, most: int) -> list[str]:
        source = f"memref<{rows}x{k}xf16>"
        target = f"memref<2x{most}x{pitch}xf16, #wg>"
        return [
            "  " + _apply(f"g{tag}{name}", "f + r", f=first, r="%row"),
            "  " + _apply(f"k{tag}{name}", "i * 16 + c", i=step, c="%column"),
            f"  %t{tag}{name} = nvgpu.device_async_copy %{name}[%g{tag}{name}, %k{tag}{name}],"
            f" %s{name}[{stage}, %row, %column], 8 {{bypassL1}} : {source} to {target}",
        ]

    return [
        *copy("A", "%m0", m, 32),
        "  scf.if %forB {",
        *copy("B", "%n0", n, 16),
        "  }",
        f"  %group{tag} = nvgpu.device_async_create_group %t{tag}A",
    ]


def _fragments(pitch: int) -> list[str]:
    """Both operands' fragments of one step, and the two products of a warp."""
    return [
        "  " + _apply("ar", "w * 16 + l mod 16", w="%warp", l="%lane"),
        "  " + _apply("ac", "(l floordiv 16) * 8", l="%lane"),
        "  %a = nvgpu.ldmatrix %sA[%cur, %ar, %ac] {numTiles = 4 : i32, transpose = false}"
        f" : memref<2x32x{pitch}xf16, #wg> -> vector<4x2xf16>",
        "  " + _apply("br", "(l floordiv 16) * 8 + l mod 8", l="%lane"),
        "  " + _apply("bc", "((l floordiv 8) mod 2) * 8", l="%lane"),
        "  %b = nvgpu.ldmatrix %sB[%cur, %br, %bc] {numTiles = 4 : i32, transpose = false}"
        f" : memref<2x16x{pitch}xf16, #wg> -> vector<4x2xf16>",
        *(
            f"  %b{j} = vector.extract_strided_slice %b {{offsets = [{2 * j}, 0], sizes = [2, 2],"
            " strides = [1, 1]} : vector<4x2xf16> to vector<2x2xf16>\n"
            f"  %d{j} = nvgpu.mma.sync(%a, %b{j}, %{name}) {{mmaShape = [16, 8, 16]}}"
            " : (vector<4x2xf16>, vector<2x2xf16>, vector<2x2xf32>) -> vector<2x2xf32>"
            for j, name in enumerate("xy")
        ),
    ]


def tma_gemm(m: int, n: int, k: int) -> str:
    """C (f32) = A B of bf16 by the nvgpu dialect: TMA in two stages, mbarriers, wgmma.

    One warpgroup, tiles of 64 by 64 by 64; A is m by k, B is k by n. The maps are pointers.
    """
    bytes_, steps = 64 * 64 * 2, k // 64
    view = "memref.view %dyn[{0}][] : memref<?xi8, #wg> to memref<64x64xbf16, #wg>"
    types = f"""
!bar = !nvgpu.mbarrier.group<memorySpace = #gpu.address_space<workgroup>, num_barriers = 2>
!map = !nvgpu.tensormap.descriptor<tensor = memref<64x64xbf16, 3>, {_SWIZZLE}>
!acc = !nvgpu.warpgroup.accumulator<fragmented = vector<64x64xf32>>
!desc = !nvgpu.warpgroup.descriptor<tensor = memref<64x64xbf16, 3>>"""

    def fill(tag: str, stage: str, step: str, condition: str) -> str:
        return f"""
  {_apply(f"k{tag}", "i * 64", i=step)}
  {_apply(f"oa{tag}", f"s * {2 * bytes_}", s=stage)}
  {_apply(f"ob{tag}", f"s * {2 * bytes_} + {bytes_}", s=stage)}
  %va{tag} = {view.format(f"%oa{tag}")}
  %vb{tag} = {view.format(f"%ob{tag}")}
  nvgpu.mbarrier.arrive.expect_tx %bar[{stage}], %tx, predicate = {condition} : !bar
  nvgpu.tma.async.load %ma[%k{tag}, %m0], %bar[{stage}] to %va{tag}, predicate = {condition}
    : !map, !bar -> memref<64x64xbf16, #wg>
  nvgpu.tma.async.load %mb[%n0, %k{tag}], %bar[{stage}] to %vb{tag}, predicate = {condition}
    : !map, !bar -> memref<64x64xbf16, #wg>"""

    body = f"""
  %ma = builtin.unrealized_conversion_cast %pA : !llvm.ptr to !map
  %mb = builtin.unrealized_conversion_cast %pB : !llvm.ptr to !map
  %dyn = gpu.dynamic_shared_memory : memref<?xi8, #wg>
  %steps = arith.constant {steps} : index
  %tx = arith.constant {2 * bytes_} : index
  %ticks = arith.constant 1000000 : index
  %first = arith.cmpi eq, %t, %c0 : index
  {_apply("m0", "b * 64", b="%by")}
  {_apply("n0", "b * 64", b="%bx")}
  %bar = nvgpu.mbarrier.create -> !bar
  nvgpu.mbarrier.init %bar[%c0], %c1, predicate = %first : !bar
  nvgpu.mbarrier.init %bar[%c1], %c1, predicate = %first : !bar
  gpu.barrier
  {fill("p", "%c0", "%c0", "%first")}
  %z = nvgpu.warpgroup.mma.init.accumulator -> !acc
  %r = scf.for %i = %c0 to %steps step %c1 iter_args(%acc = %z) -> (!acc) {{
  {_apply("cur", "i mod 2", i="%i")}
  {_apply("nxt", "(i + 1) mod 2", i="%i")}
  {_apply("following", "i + 1", i="%i")}
  %more = arith.cmpi ult, %following, %steps : index
  %fetch = arith.andi %more, %first : i1
  {fill("l", "%nxt", "%following", "%fetch")}
  {_apply("round", "(i floordiv 2) mod 2", i="%i")}
  %odd = arith.cmpi eq, %round, %c1 : index
  nvgpu.mbarrier.try_wait.parity %bar[%cur], %odd, %ticks : !bar // WAIT
  {_apply("oa", f"s * {2 * bytes_}", s="%cur")}
  {_apply("ob", f"s * {2 * bytes_} + {bytes_}", s="%cur")}
  %va = {view.format("%oa")}
  %vb = {view.format("%ob")}
  %da = nvgpu.warpgroup.generate.descriptor %va, %ma : memref<64x64xbf16, #wg>, !map -> !desc
  %db = nvgpu.warpgroup.generate.descriptor %vb, %mb : memref<64x64xbf16, #wg>, !map -> !desc
  %d = nvgpu.warpgroup.mma %da, %db, %acc {{transposeB, waitGroup = 0}} : !desc, !desc, !acc -> !acc
  gpu.barrier // READ
  scf.yield %d : !acc
  }}
  %tile = memref.subview %C[%m0, %n0][64, 64][1, 1]
    : memref<{m}x{n}xf32> to memref<64x64xf32, strided<[{n}, 1], offset: ?>>
  nvgpu.warpgroup.mma.store %r, %tile : !acc to memref<64x64xf32, strided<[{n}, 1], offset: ?>>"""
    body = re.sub(r"\n    :", " :", body)
    arguments = f"%pA: !llvm.ptr, %pB: !llvm.ptr, %C: memref<{m}x{n}xf32>"
    return _kernel("gemm", arguments, body, 128, (n // 64, m // 64), types)


def specialised_gemm(m: int, n: int, k: int) -> str:
    """C (f32) = A B^T of bf16: a warpgroup that copies by TMA, one that multiplies by wgmma.

    Two stages with full and empty barriers; tiles of 64 by 32 by 64. Each warp gives a stage back
    by itself, when its group of products has been waited for.
    """
    a, b, steps, held = 64 * 64 * 2, 32 * 64 * 2, k // 64, 16
    struct = "!llvm.struct<(" + ", ".join(["f32"] * held) + ")>"
    types = f"""
!bars = !nvgpu.mbarrier.group<memorySpace = #gpu.address_space<workgroup>, num_barriers = 2>
!mapA = !nvgpu.tensormap.descriptor<tensor = memref<64x64xbf16, 3>, {_SWIZZLE}>
!mapB = !nvgpu.tensormap.descriptor<tensor = memref<32x64xbf16, 3>, {_SWIZZLE}>
!acc = {struct}"""
    base = 1 << 62 | 64 << 32 | 1 << 16
    products, last = [], "%acc"
    for step in range(4):
        products.append(f"""
  %k{step} = arith.constant {2 * step} : i64
  %xa{step} = arith.addi %da, %k{step} : i64
  %xb{step} = arith.addi %db, %k{step} : i64
  %d{step} = nvvm.wgmma.mma_async %xa{step}, %xb{step}, {last}, \
#nvvm.shape<m = 64, n = 32, k = 16>, D [<f32>, #nvvm.wgmma_scale_out<one>], \
A [<bf16>, #nvvm.wgmma_scale_in<one>, <row>], B [<bf16>, #nvvm.wgmma_scale_in<one>, <col>] \
: !acc -> !acc""")
        last = f"%d{step}"
    stores = [
        f"""
  {_apply(f"sr{part}", f"r + {8 * (part // 2 % 2)}", r="%row")}
  {_apply(f"sc{part}", f"c + {8 * (part // 4)}", c="%column")}
  %e{part} = llvm.extractvalue %r#0[{part}] : !acc
  %f{part} = llvm.extractvalue %r#0[{part + 1}] : !acc
  %v{part} = vector.from_elements %e{part}, %f{part} : vector<2xf32>
  vector.store %v{part}, %C[%sr{part}, %sc{part}] : memref<{m}x{n}xf32>, vector<2xf32>"""
        for part in range(0, held, 2)
    ]
    body = f"""
  %ma = builtin.unrealized_conversion_cast %pA : !llvm.ptr to !mapA
  %mb = builtin.unrealized_conversion_cast %pB : !llvm.ptr to !mapB
  %dyn = gpu.dynamic_shared_memory : memref<?xi8, #wg>
  %c4 = arith.constant 4 : index
  %c128 = arith.constant 128 : index
  %steps = arith.constant {steps} : index
  %tx = arith.constant {a + b} : index
  %ticks = arith.constant 1000000 : index
  %first = arith.cmpi eq, %t, %c0 : index
  {_apply("m0", "b * 64", b="%by")}
  {_apply("n0", "b * 32", b="%bx")}
  %full = nvgpu.mbarrier.create -> !bars
  %empty = nvgpu.mbarrier.create -> !bars
  scf.for %i = %c0 to %c4 step %c1 {{
   {_apply("s", "i mod 2", i="%i")}
   {_apply("which", "i floordiv 2", i="%i")}
   %is0 = arith.cmpi eq, %which, %c0 : index
   %is1 = arith.cmpi eq, %which, %c1 : index
   %p0 = arith.andi %is0, %first : i1
   %p1 = arith.andi %is1, %first : i1
   nvgpu.mbarrier.init %full[%s], %c1, predicate = %p0 : !bars
   nvgpu.mbarrier.init %empty[%s], %c4, predicate = %p1 : !bars
  }}
  nvvm.fence.mbarrier.init
  gpu.barrier
  %producer = arith.cmpi ult, %t, %c128 : index
  scf.if %producer {{
   nvvm.setmaxregister decrease 40
   scf.if %first {{
    scf.for %i = %c0 to %steps step %c1 {{
  {_apply("s", "i mod 2", i="%i")}
  {_apply("round", "(i floordiv 2 + 1) mod 2", i="%i")}
  %phase = arith.cmpi eq, %round, %c1 : index
  nvgpu.mbarrier.try_wait.parity %empty[%s], %phase, %ticks : !bars // EMPTY
  nvgpu.mbarrier.arrive.expect_tx %full[%s], %tx : !bars
  {_apply("k0", "i * 64", i="%i")}
  {_apply("oa", f"s * {a}", s="%s")}
  {_apply("ob", f"s * {b} + {2 * a}", s="%s")}
  %va = memref.view %dyn[%oa][] : memref<?xi8, #wg> to memref<64x64xbf16, #wg>
  %vb = memref.view %dyn[%ob][] : memref<?xi8, #wg> to memref<32x64xbf16, #wg>
  nvgpu.tma.async.load %ma[%k0, %m0], %full[%s] to %va : !mapA, !bars -> memref<64x64xbf16, #wg>
  nvgpu.tma.async.load %mb[%k0, %n0], %full[%s] to %vb : !mapB, !bars -> memref<32x64xbf16, #wg>
    }}
   }}
  }} else {{
  nvvm.setmaxregister increase 232
  {_apply("own", "t mod 128", t="%t")}
  {_apply("lane", "t mod 32", t="%t")}
  %elected = arith.cmpi eq, %lane, %c0 : index
  %z = llvm.mlir.zero : !acc
  %dynp = memref.extract_aligned_pointer_as_index %dyn : memref<?xi8, #wg> -> index
  %r:1 = scf.for %i = %c0 to %steps step %c1 iter_args(%acc = %z) -> (!acc) {{
  {_apply("s", "i mod 2", i="%i")}
  {_apply("before", "(i + 1) mod 2", i="%i")}
  {_apply("round", "(i floordiv 2) mod 2", i="%i")}
  %phase = arith.cmpi eq, %round, %c1 : index
  nvgpu.mbarrier.try_wait.parity %full[%s], %phase, %ticks : !bars // FULL
  {_apply("oa", f"d + s * {a}", s="%s", d="%dynp")}
  {_apply("ob", f"d + s * {b} + {2 * a}", s="%s", d="%dynp")}
  %four = arith.constant 4 : i64
  %mask = arith.constant 16383 : i64
  %base = arith.constant {base} : i64
  %ai = arith.index_cast %oa : index to i64
  %bi = arith.index_cast %ob : index to i64
  %as = arith.shrui %ai, %four : i64
  %bs = arith.shrui %bi, %four : i64
  %am = arith.andi %as, %mask : i64
  %bm = arith.andi %bs, %mask : i64
  %da = arith.ori %am, %base : i64
  %db = arith.ori %bm, %base : i64
  nvvm.wgmma.fence.aligned // FENCE
  {"".join(products)}
  nvvm.wgmma.commit.group.sync.aligned // COMMIT
  nvvm.wgmma.wait.group.sync.aligned 1 // BEFORE
  %later = arith.cmpi ne, %i, %c0 : index
  %release = arith.andi %later, %elected : i1
  scf.if %release {{
   %token = nvgpu.mbarrier.arrive %empty[%before] : !bars -> !nvgpu.mbarrier.token
  }}
  scf.yield {last} : !acc
  }}
  nvvm.wgmma.wait.group.sync.aligned 0 // DONE
  {_apply("row", "m + (o floordiv 32) * 16 + l floordiv 4", m="%m0", o="%own", l="%lane")}
  {_apply("column", "n + (l mod 4) * 2", n="%n0", l="%lane")}
  {"".join(stores)}
  }}"""
    arguments = f"%pA: !llvm.ptr, %pB: !llvm.ptr, %C: memref<{m}x{n}xf32>"
    return _kernel("gemm", arguments, body, 256, (n // 32, m // 64), types)


def _tree(value: str, tag: str) -> tuple[list[str], str]:
    """The sum of a warp's values in every lane, by exchanges with lanes 16, 8, 4, 2, 1 apart."""
    lines = []
    for distance in (16, 8, 4, 2, 1):
        name = f"{tag}{distance}"
        lines += [
            f"  %o{name} = arith.constant {distance} : i32",
            f"  %h{name}, %p{name} = gpu.shuffle xor {value}, %o{name}, %w32 : f32",
            f"  %{name} = arith.addf {value}, %h{name} : f32",
        ]
        value = f"%{name}"
    return lines, value


def gemv(n: int, k: int) -> str:
    """y (f32) = W x of bf16: a warp for each row, four of them in a block, 8 elements a load."""
    tree, total = _tree("%sum", "s")
    body = f"""
  %w32 = arith.constant 32 : i32
  %length = arith.constant {k} : index
  %step = arith.constant 256 : index
  {_apply("lane", "t mod 32", t="%t")}
  {_apply("row", "b * 4 + t floordiv 32", b="%bx", t="%t")}
  {_apply("start", "l * 8", l="%lane")}
  %z = arith.constant dense<0.0> : vector<8xf32>
  %acc = scf.for %i = %start to %length step %step iter_args(%a = %z) -> (vector<8xf32>) {{
   %wv = vector.load %W[%row, %i] {{alignment = 16 : i64}} : memref<{n}x{k}xbf16>, vector<8xbf16>
   %xv = vector.load %x[%i] {{alignment = 16 : i64}} : memref<{k}xbf16>, vector<8xbf16>
   %wf = arith.extf %wv : vector<8xbf16> to vector<8xf32>
   %xf = arith.extf %xv : vector<8xbf16> to vector<8xf32>
   %d = vector.fma %wf, %xf, %a : vector<8xf32>
   scf.yield %d : vector<8xf32>
  }}
  %sum = vector.reduction <add>, %acc fastmath<reassoc> : vector<8xf32> into f32
{chr(10).join(tree)}
  %is0 = arith.cmpi eq, %lane, %c0 : index
  scf.if %is0 {{
   memref.store {total}, %y[%row] : memref<{n}xf32>
  }}"""
    arguments = f"%W: memref<{n}x{k}xbf16>, %x: memref<{k}xbf16>, %y: memref<{n}xf32>"
    return _kernel("gemv", arguments, body, 128, (n // 4, 1))


def layer_norm(rows: int, width: int) -> str:
    """(x - mean) / sqrt(variance + 1e-5) of each row: a block of four warps for a row.

    Sums go from lane to lane by shuffles and from warp to warp through shared memory.
    """

    def total(value: str, tag: str) -> list[str]:
        tree, found = _tree(value, tag)
        return [
            *tree,
            f"  scf.if %is0 {{\n   memref.store {found}, %parts[%warp] : memref<4xf32, #wg>\n  }}",
            "  gpu.barrier // SUMMED",
            f"  %t{tag} = scf.for %q{tag} = %c0 to %c4 step %c1 iter_args(%u = %f0) -> (f32) {{",
            f"   %part{tag} = memref.load %parts[%q{tag}] : memref<4xf32, #wg>",
            f"   %v{tag} = arith.addf %u, %part{tag} : f32",
            f"   scf.yield %v{tag} : f32\n  }}",
            "  gpu.barrier // READ",
        ]

    each = f"memref<{rows}x{width}xf32>"
    loop = "scf.for %i = %t to %length step %block iter_args(%a = %f0) -> (f32) {"
    body = [
        "  %w32 = arith.constant 32 : i32\n  %c4 = arith.constant 4 : index",
        f"  %length = arith.constant {width} : index\n  %block = arith.constant 128 : index",
        f"  %f0 = arith.constant 0.0 : f32\n  %n = arith.constant {float(width)} : f32",
        "  %eps = arith.constant 1.0e-5 : f32",
        "  " + _apply("lane", "t mod 32", t="%t"),
        "  " + _apply("warp", "t floordiv 32", t="%t"),
        "  %is0 = arith.cmpi eq, %lane, %c0 : index",
        f"  %sum = {loop}",
        f"   %x = memref.load %X[%bx, %i] : {each}\n   %b = arith.addf %a, %x : f32",
        "   scf.yield %b : f32\n  }",
        *total("%sum", "m"),
        "  %mean = arith.divf %tm, %n : f32",
        f"  %squares = {loop}",
        f"   %x = memref.load %X[%bx, %i] : {each}\n   %d = arith.subf %x, %mean : f32",
        "   %q = arith.mulf %d, %d : f32\n   %b = arith.addf %a, %q : f32",
        "   scf.yield %b : f32\n  }",
        *total("%squares", "v"),
        "  %variance = arith.divf %tv, %n : f32\n  %safe = arith.addf %variance, %eps : f32",
        "  %scale = nvvm.rsqrt %safe : f32",
        "  scf.for %i = %t to %length step %block {",
        f"   %x = memref.load %X[%bx, %i] : {each}\n   %d = arith.subf %x, %mean : f32",
        f"   %y = arith.mulf %d, %scale : f32\n   memref.store %y, %Y[%bx, %i] : {each}\n  }}",
    ]
    text = _kernel("norm", f"%X: {each}, %Y: {each}", "\n".join(body), 128, (rows, 1))
    shared = "workgroup(%parts: memref<4xf32, #gpu.address_space<workgroup>>) kernel attributes"
    return text.replace("kernel attributes", shared)
