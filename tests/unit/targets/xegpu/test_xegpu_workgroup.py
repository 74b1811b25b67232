"""The reference at workgroup level: what operations do, and that differences are found."""

import ctypes
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pharos import ir
from pharos.core.errors import InternalError, UserError
from pharos.targets.common.gpu.launches import Launch
from pharos.targets.xegpu.workgroup.interpreter import WorkgroupKernel
from pharos.targets.xegpu.workgroup.levels import BothLevels
from pharos.targets.xegpu.workgroup.lockstep import LockstepKernel
from pharos.targets.xegpu.workgroup.table import handler_of, known

LAYOUT = "#xegpu.layout<sg_layout = [1, 1], sg_data = [8, 16], inst_data = [8, 16]>"
TILE = f"!xegpu.tensor_desc<8x16xf32, {LAYOUT}>"


def module(body, arguments="%x: memref<20x40xf32>, %y: memref<20x40xf32>"):
    return ir.parse(f"""
module attributes {{gpu.container_module}} {{
  gpu.module @kernels {{
    gpu.func @k({arguments}) kernel {{
{body}
      gpu.return
    }}
  }}
}}""")


TILED = f"""
      %c8, %c16 = arith.constant 8 : index, arith.constant 16 : index
      %bx = gpu.block_id x
      %by = gpu.block_id y
      %r = arith.muli %bx, %c8 : index
      %c = arith.muli %by, %c16 : index
      %px = memref.extract_aligned_pointer_as_index %x : memref<20x40xf32> -> index
      %py = memref.extract_aligned_pointer_as_index %y : memref<20x40xf32> -> index
      %ax = arith.index_cast %px : index to i64
      %ay = arith.index_cast %py : index to i64
      %tx = xegpu.create_nd_tdesc %ax, shape : [20, 40], strides : [40, 1] : i64 -> {TILE}
      %ty = xegpu.create_nd_tdesc %ay, shape : [20, 40], strides : [40, 1] : i64 -> {TILE}
      %v = xegpu.load_nd %tx[%r, %c] <{{layout = {LAYOUT}}}> : {TILE} -> vector<8x16xf32>
      OPERATION
      xegpu.store_nd %w, %ty[%r, %c] <{{layout = {LAYOUT}}}> : vector<8x16xf32>, {TILE}
""".replace(
    "%c8, %c16 = arith.constant 8 : index, arith.constant 16 : index",
    "%c8 = arith.constant 8 : index\n      %c16 = arith.constant 16 : index",
)


@dataclass
class Region:
    """Memory as a device hands it to kernels."""

    name: str
    address: int
    size: int
    storage: Any


def region(array, name="buffer"):
    return Region(name, array.ctypes.data, array.nbytes, array)


def kernel_of(parsed):
    holder = parsed.body.operations[0].operation
    return WorkgroupKernel(holder.regions[0].blocks[0].operations[0].operation)


def elementwise(operation, x):
    y = np.full_like(x, np.nan)
    parsed = module(TILED.replace("OPERATION", operation))
    kernel = kernel_of(parsed)
    kernel.run(
        Launch("k", (3, 3, 1), (16, 1, 1), 0, ()),
        [x.ctypes.data, y.ctypes.data],
        [region(x), region(y)],
    )
    return y


X = np.random.default_rng(0).standard_normal((20, 40)).astype(np.float32)
V = "vector<8x16xf32>"
FLOATS = [
    (f"%w = arith.addf %v, %v : {V}", X + X),
    (f"%w = math.tanh %v : {V}", np.tanh(X)),
    (f"%w = math.exp %v : {V}", np.exp(X)),
    (f"%w = arith.negf %v : {V}", -X),
    (f"%w = math.fma %v, %v, %v : {V}", X.astype(np.float64) ** 2 + X),
    (f"%m = arith.cmpf ogt, %v, %z : {V}\n %w = arith.select %m, %v, %z : vector<8x16xi1>, {V}",
     np.maximum(X, 0)),
    (f"%m = arith.cmpf ule, %v, %z : {V}\n %w = arith.select %m, %v, %z : vector<8x16xi1>, {V}",
     np.minimum(X, 0)),
    ("%t = vector.transpose %v, [1, 0] : vector<8x16xf32> to vector<16x8xf32>\n"
     "%w = vector.transpose %t, [1, 0] : vector<16x8xf32> to vector<8x16xf32>", X),
    ("%h = arith.truncf %v : vector<8x16xf32> to vector<8x16xf16>\n"
     "%w = arith.extf %h : vector<8x16xf16> to vector<8x16xf32>", X.astype(np.float16)),
    ("%i = arith.bitcast %v : vector<8x16xf32> to vector<8x16xi32>\n"
     "%j = arith.shrui %i, %s : vector<8x16xi32>\n%k = arith.shli %j, %s : vector<8x16xi32>\n"
     "%w = arith.bitcast %k : vector<8x16xi32> to vector<8x16xf32>",
     (X.view(np.uint32) >> 16 << 16).view(np.float32)),
]  # fmt: skip
CONSTANTS = f"""%z = arith.constant dense<0.0> : {V}
      %s = arith.constant dense<16> : vector<8x16xi32>
      """


@pytest.mark.parametrize(("operation", "expected"), FLOATS, ids=range(len(FLOATS)))
def test_tiles_are_loaded_computed_and_clipped(operation, expected):
    found = elementwise(CONSTANTS + operation, X)
    np.testing.assert_allclose(found, expected.astype(np.float32), rtol=3e-7, atol=0)


def test_loops_and_scalars():
    loop = f"""%c0 = arith.constant 0 : index
      %c2 = arith.constant 2 : index
      %c7 = arith.constant 7 : index
      %w = scf.for %i = %c0 to %c7 step %c2 iter_args(%a = %v) -> ({V}) {{
        %n = arith.index_cast %i : index to i32
        %f = arith.sitofp %n : i32 to f32
        %b = vector.broadcast %f : f32 to {V}
        %s = arith.addf %a, %b : {V}
        scf.yield %s : {V}
      }}"""
    np.testing.assert_allclose(elementwise(loop, X), X + 12, rtol=1e-6)


def test_an_unknown_operation_is_named_with_its_place():
    body = TILED.replace("OPERATION", f"%w = math.cbrt %v : {V}")
    with pytest.raises(
        UserError, match=r"'math\.cbrt' has no meaning at workgroup level"
    ) as caught:
        kernel_of(module(body))
    assert caught.value.span is not None


def test_memory_outside_the_buffers_is_not_touched():
    parsed = module(TILED.replace("OPERATION", f"%w = arith.negf %v : {V}"))
    y = np.zeros_like(X)
    with pytest.raises(UserError, match="not inside one buffer"):
        kernel_of(parsed).run(
            Launch("k", (3, 3, 1), (16, 1, 1), 0, ()), [X.ctypes.data, y.ctypes.data], [region(X)]
        )


def test_every_handler_is_reached_by_name():
    assert {"xegpu.dpas", "xegpu.load", "xegpu.store", "arith.cmpi", "vector.step"} <= set(known())


def both(engine):
    """BothLevels over a kernel that negates, with ``engine`` as the lanes."""
    parsed = module(TILED.replace("OPERATION", f"%w = arith.negf %v : {V}"))
    return BothLevels(SimpleNamespace(run=engine), parsed, {"f32": 1e-6})


def launched(levels):
    x, y = X.copy(), np.zeros_like(X)
    launch = Launch("k", (3, 3, 1), (16, 1, 1), 0, ())
    levels.run(launch, [x.ctypes.data, y.ctypes.data], [region(x, "x"), region(y, "y")])
    return y


def lanes(wrong=0.0, name=1):
    """A stand-in for the lane level: right but for one element of the buffer ``name``."""

    def run(launch, operands, regions):
        result = -regions[0].storage
        result[7, 9] += np.float32(wrong)
        ctypes.memmove(regions[name].address, result.ctypes.data, result.nbytes)

    return run


def test_equal_levels_are_recorded():
    levels = both(lanes())
    assert np.array_equal(launched(levels), -X)
    assert [(d.kernel, d.largest) for d in levels.differences] == [("k", 0.0)]


def test_a_planted_difference_is_found():
    with pytest.raises(InternalError, match=r"k: lanes and workgroups differ by .* in 'y' \(f32\)"):
        launched(both(lanes(wrong=1e-3)))


def test_a_nan_is_a_difference():
    with pytest.raises(InternalError, match="differ"):
        launched(both(lanes(wrong=np.nan)))


def test_a_rounding_is_none():
    levels = both(lanes(wrong=4e-7))
    launched(levels)
    assert 0 < levels.differences[0].largest < 1e-6


def test_writing_to_an_input_is_found():
    with pytest.raises(InternalError, match="differ"):
        launched(both(lanes(name=0)))


def test_other_kernels_run_at_lane_level_alone():
    ran = []
    levels = both(lambda launch, operands, regions: ran.append(launch.kernel))
    levels.run(Launch("rows_0", (1, 1, 1), (16, 1, 1), 0, ()), [], [])
    assert ran == ["rows_0"] and levels.differences == []


PARTING = """
gpu.module @kernels {
  gpu.func @parting_0(%x: memref<40xi32>, %y: memref<40xi32>) kernel {
    %t = gpu.thread_id x
    %b = gpu.block_id x
    %c16 = arith.constant 16 : index
    %c40 = arith.constant 40 : index
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %first = arith.muli %b, %c16 : index
    %i = arith.addi %first, %t : index
    %inside = arith.cmpi ult, %i, %c40 : index
    scf.if %inside {
      %n = memref.load %x[%i] : memref<40xi32>
      %sum = scf.for %j = %c0 to %n step %c1 iter_args(%s = %c0) -> (i32) : i32 {
        %odd = arith.remui %j, %c2 : i32
        %is = arith.cmpi eq, %odd, %c1 : i32
        %new = scf.if %is -> (i32) {
          %a = arith.addi %s, %j : i32
          scf.yield %a : i32
        } else {
          scf.yield %s : i32
        }
        scf.yield %new : i32
      }
      %small, %steps = scf.while (%v = %sum, %k = %c0) : (i32, i32) -> (i32, i32) {
        %more = arith.cmpi sgt, %v, %c2 : i32
        scf.condition(%more) %v, %k : i32, i32
      } do {
      ^bb0(%v: i32, %k: i32):
        %h = arith.divui %v, %c2 : i32
        %k1 = arith.addi %k, %c1 : i32
        scf.yield %h, %k1 : i32, i32
      }
      %ten = arith.constant 10 : i32
      %left = arith.muli %small, %ten : i32
      %r = arith.addi %left, %steps : i32
      memref.store %r, %y[%i] : memref<40xi32>
    }
    gpu.return
  }
}
"""


def halved(number):
    """What is left of the sum of odd numbers below ``number`` when halved to 2, and how often."""
    value, steps = sum(range(1, number, 2)), 0
    while value > 2:
        value, steps = value // 2, steps + 1
    return 10 * value + steps


def test_work_items_that_part_come_together_again():
    parsed = ir.parse(PARTING)
    holder = parsed.body.operations[0].operation
    kernel = LockstepKernel(holder.regions[0].blocks[0].operations[0].operation)
    x = np.random.default_rng(3).integers(0, 30, 40).astype(np.int32)
    y = np.full(40, -1, np.int32)
    launch = Launch("parting_0", (3,), (16,), 0, ())
    kernel.run(launch, [x.ctypes.data, y.ctypes.data], [region(x, "x"), region(y, "y")])
    assert y.tolist() == [halved(int(n)) for n in x]
    with pytest.raises(UserError, match="reaches element 40"):
        wider = ir.parse(PARTING.replace("%c40 = arith.constant 40", "%c40 = arith.constant 41"))
        holder = wider.body.operations[0].operation
        kernel = LockstepKernel(holder.regions[0].blocks[0].operations[0].operation)
        kernel.run(launch, [x.ctypes.data, y.ctypes.data], [region(x, "x"), region(y, "y")])


def test_what_has_no_meaning_on_work_items_is_named():
    parsed = ir.parse(PARTING.replace("%t = gpu.thread_id x", "%t = gpu.global_id x"))
    holder = parsed.body.operations[0].operation
    with pytest.raises(
        ir.CompileError, match=r"'gpu\.global_id' has no meaning at workgroup level"
    ):
        LockstepKernel(holder.regions[0].blocks[0].operations[0].operation)


CONSTANT_VECTORS = [
    ("[[1, 2], [3, -4]]", "2x2xindex", [[1, 2], [3, -4]]),
    ("[1, -2]", "2xi8", [1, -2]),
    ("[true, false]", "2xi1", [True, False]),
    ("[0.1, 0x7F800000]", "2xf32", [np.float32(0.1), np.inf]),
    ("[1.5, -2.25]", "2xf16", [1.5, -2.25]),
    ("[1.5, -2.25, 0xFF80]", "3xbf16", [1.5, -2.25, -np.inf]),
    (str([float(n) for n in range(200)]), "200xbf16", list(range(200))),
]


@pytest.mark.parametrize(("text", "kind", "expected"), CONSTANT_VECTORS, ids=lambda v: str(v)[:9])
def test_constant_vectors_of_different_values(text, kind, expected):
    parsed = ir.parse(
        f"func.func @f() {{\n%a = arith.constant dense<{text}> : vector<{kind}>\nreturn\n}}"
    )
    constant = parsed.body.operations[0].regions[0].blocks[0].operations[0].operation
    (found,) = handler_of(constant)(None)
    np.testing.assert_array_equal(found.astype(np.float64), np.asarray(expected, np.float64))


@pytest.mark.parametrize(
    ("kind", "expected"), [("maximumf", X[:8, :16].max(1)), ("add", X[:8, :16].sum(1))]
)
def test_rows_are_reduced(kind, expected):
    start = "%z0" if kind == "maximumf" else "%z1"
    reduced = f"""%z0 = arith.constant dense<-9.0> : vector<8xf32>
      %z1 = arith.constant dense<0.0> : vector<8xf32>
      %m = vector.multi_reduction <{kind}>, %v, {start} [1] : {V} to vector<8xf32>
      %b = vector.broadcast %m : vector<8xf32> to vector<16x8xf32>
      %w = vector.transpose %b, [1, 0] : vector<16x8xf32> to {V}"""
    found = elementwise(reduced, X)[:8, :16]
    np.testing.assert_allclose(found, np.repeat(expected[:, None], 16, 1), rtol=1e-6)


def test_single_elements_are_read():
    body = f"""%k = arith.constant 3 : index
      %e = memref.load %x[%k, %r] : memref<20x40xf32>
      %w = vector.broadcast %e : f32 to {V}"""
    found = elementwise(body, X)
    np.testing.assert_array_equal(found[::8, ::16], np.repeat(X[3, [0, 8, 16], None], 3, 1))
