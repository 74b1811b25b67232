"""One small program per dialect and construct, run through the default pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pharos.ir import CompileError
from pharos.runtime import Runner, numpy_dtype

Load = Callable[..., Runner]
bf16 = ml_dtypes.bfloat16

# name -> (program with an entry @f, its arguments, what it must return)
SCALAR_PROGRAMS: dict[str, tuple[str, tuple[Any, ...], Any]] = {
    "arith integers": (
        """func.func @f(%a: i32, %b: i32) -> i32 {
             %s = arith.addi %a, %b : i32
             %d = arith.ceildivsi %s, %b : i32
             %e = arith.floordivsi %d, %b : i32
             %m = arith.maxsi %s, %e : i32
             return %m : i32 }""",
        (-7, 2),
        -1,
    ),
    "arith f16": (
        """func.func @f(%a: f16) -> f16 {
             %s = arith.addf %a, %a : f16
             return %s : f16 }""",
        (1.5,),
        3.0,
    ),
    "arith bf16": (
        """func.func @f(%a: bf16, %b: bf16) -> bf16 {
             %s = arith.mulf %a, %b : bf16
             %t = arith.maximumf %s, %a : bf16
             return %t : bf16 }""",
        (1.5, -2.0),
        1.5,
    ),
    "arith f64 to bf16": (
        """func.func @f(%a: f64) -> bf16 {
             %s = arith.truncf %a : f64 to bf16
             return %s : bf16 }""",
        (3.140625,),
        3.140625,
    ),
    "arith bf16 to f64": (
        """func.func @f(%a: bf16) -> f64 {
             %s = arith.extf %a : bf16 to f64
             return %s : f64 }""",
        (-0.75,),
        -0.75,
    ),
    "arith integer to bf16": (
        """func.func @f(%a: i32) -> bf16 {
             %s = arith.sitofp %a : i32 to bf16
             return %s : bf16 }""",
        (-3,),
        -3.0,
    ),
    "arith bf16 to integer": (
        """func.func @f(%a: bf16) -> i32 {
             %s = arith.fptosi %a : bf16 to i32
             return %s : i32 }""",
        (-3.5,),
        -3,
    ),
    "arith bf16 comparison": (
        """func.func @f(%a: bf16, %b: bf16) -> i1 {
             %s = arith.cmpf olt, %a, %b : bf16
             return %s : i1 }""",
        (1.0, 2.0),
        True,
    ),
    "math on f32": (
        """func.func @f(%a: f32) -> f32 {
             %0 = math.exp %a : f32
             %1 = math.tanh %0 : f32
             %2 = math.erf %1 : f32
             %3 = math.rsqrt %2 : f32
             %4 = math.log1p %3 : f32
             %5 = math.atan2 %4, %a : f32
             return %5 : f32 }""",
        (0.25,),
        pytest.approx(1.2525975, abs=1e-5),
    ),
    "math on bf16": (
        """func.func @f(%a: bf16) -> bf16 {
             %0 = math.exp %a : bf16
             %1 = math.tanh %0 : bf16
             return %1 : bf16 }""",
        (0.0,),
        float(bf16(np.tanh(1.0))),
    ),
    "math on f16": (
        """func.func @f(%a: f16) -> f16 {
             %0 = math.sin %a : f16
             return %0 : f16 }""",
        (1.0,),
        float(np.float16(np.sin(1.0))),
    ),
    "math on integers": (
        """func.func @f(%a: i32) -> i32 {
             %0 = math.absi %a : i32
             %1 = math.ctpop %0 : i32
             %2 = math.ctlz %0 : i32
             %3 = math.ipowi %1, %1 : i32
             %4 = arith.addi %2, %3 : i32
             return %4 : i32 }""",
        (-7,),
        27 + 29,
    ),
    "math.fpowi and rounding": (
        """func.func @f(%a: f64, %n: i32) -> f64 {
             %0 = math.fpowi %a, %n : f64, i32
             %1 = math.roundeven %0 : f64
             %2 = math.floor %0 : f64
             %3 = arith.subf %1, %2 : f64
             return %3 : f64 }""",
        (1.4, 2),
        1.0,
    ),
    "math.powf, fma, cbrt, clampf": (
        """func.func @f(%a: f32) -> f32 {
             %0 = math.powf %a, %a : f32
             %1 = math.fma %0, %a, %a : f32
             %2 = math.cbrt %1 : f32
             %3 = math.clampf %2 to [%a, %1] : f32
             return %3 : f32 }""",
        (2.0,),
        pytest.approx(10 ** (1 / 3), rel=1e-6),
    ),
    "cf with a loop of blocks": (
        """func.func @f(%n: i64) -> i64 {
             %zero = arith.constant 0 : i64
             %one = arith.constant 1 : i64
             cf.br ^head(%n, %zero : i64, i64)
           ^head(%i: i64, %sum: i64):
             %more = arith.cmpi sgt, %i, %zero : i64
             cf.cond_br %more, ^body, ^end
           ^body:
             %next = arith.subi %i, %one : i64
             %total = arith.addi %sum, %i : i64
             cf.br ^head(%next, %total : i64, i64)
           ^end:
             return %sum : i64 }""",
        (10,),
        55,
    ),
    "cf.switch and assert": (
        """func.func @f(%n: i32) -> i32 {
             %yes = arith.constant true
             cf.assert %yes, "never"
             cf.switch %n : i32, [ default: ^other, 3: ^three ]
           ^three:
             %a = arith.constant 33 : i32
             return %a : i32
           ^other:
             %b = arith.constant 1 : i32
             return %b : i32 }""",
        (3,),
        33,
    ),
    "scf.while and if": (
        """func.func @f(%n: i32) -> i32 {
             %one = arith.constant 1 : i32
             %zero = arith.constant 0 : i32
             %r:2 = scf.while (%i = %n, %count = %zero) : (i32, i32) -> (i32, i32) {
               %go = arith.cmpi ne, %i, %one : i32
               scf.condition(%go) %i, %count : i32, i32
             } do {
             ^bb0(%i: i32, %count: i32):
               %two = arith.constant 2 : i32
               %three = arith.constant 3 : i32
               %odd = arith.andi %i, %one : i32
               %is = arith.cmpi eq, %odd, %one : i32
               %next = scf.if %is -> i32 {
                 %t = arith.muli %i, %three : i32
                 %u = arith.addi %t, %one : i32
                 scf.yield %u : i32
               } else {
                 %h = arith.divsi %i, %two : i32
                 scf.yield %h : i32
               }
               %c = arith.addi %count, %one : i32
               scf.yield %next, %c : i32, i32
             }
             return %r#1 : i32 }""",
        (27,),
        111,
    ),
    "scf.index_switch": (
        """func.func @f(%n: index) -> i64 {
             %r = scf.index_switch %n -> i64
             case 2 { %a = arith.constant 20 : i64
                      scf.yield %a : i64 }
             default { %b = arith.constant -1 : i64
                       scf.yield %b : i64 }
             return %r : i64 }""",
        (2,),
        20,
    ),
    "index": (
        """func.func @f(%a: index, %b: index) -> index {
             %0 = index.add %a, %b
             %1 = index.ceildivs %0, %b
             %2 = index.maxu %1, %a
             %3 = index.sizeof
             %4 = index.mul %2, %3
             return %4 : index }""",
        (3, 4),
        3 * 64,
    ),
    "complex": (
        """func.func @f(%a: f32, %b: f32) -> f32 {
             %z = complex.create %a, %b : complex<f32>
             %w = complex.mul %z, %z : complex<f32>
             %d = complex.div %w, %z : complex<f32>
             %e = complex.exp %d : complex<f32>
             %l = complex.log %e : complex<f32>
             %m = complex.abs %l : complex<f32>
             return %m : f32 }""",
        (0.3, 0.4),
        pytest.approx(0.5, rel=1e-5),
    ),
    "complex.sqrt and angle": (
        """func.func @f(%a: f64, %b: f64) -> f64 {
             %z = complex.create %a, %b : complex<f64>
             %w = complex.sqrt %z : complex<f64>
             %i = complex.im %w : complex<f64>
             %g = complex.angle %z : complex<f64>
             %s = arith.addf %i, %g : f64
             return %s : f64 }""",
        (-4.0, 0.0),
        pytest.approx(2 + np.pi),
    ),
    "vector reductions, shuffle, insert": (
        """func.func @f(%a: f32) -> f32 {
             %v = vector.broadcast %a : f32 to vector<4xf32>
             %c = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : vector<4xf32>
             %s = arith.addf %v, %c : vector<4xf32>
             %t = vector.shuffle %s, %c [3, 2, 1, 7] : vector<4xf32>, vector<4xf32>
             %m = vector.reduction <add>, %t : vector<4xf32> into f32
             return %m : f32 }""",
        (10.0,),
        14.0 + 13.0 + 12.0 + 4.0,
    ),
    "vector.contract": (
        """func.func @f(%a: f32) -> f32 {
             %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : vector<2x2xf32>
             %z = vector.broadcast %a : f32 to vector<2x2xf32>
             %p = vector.contract {
                 indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>,
                                  affine_map<(i, j, k) -> (i, j)>],
                 iterator_types = ["parallel", "parallel", "reduction"],
                 kind = #vector.kind<add>} %x, %x, %z
               : vector<2x2xf32>, vector<2x2xf32> into vector<2x2xf32>
             %r = vector.multi_reduction <add>, %p, %a [0, 1] : vector<2x2xf32> to f32
             return %r : f32 }""",
        (1.0,),
        7 + 10 + 15 + 22 + 4 + 1,
    ),
    "vector.transpose, extract, step, mask": (
        """func.func @f(%n: index) -> i64 {
             %c = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : vector<2x3xi64>
             %t = vector.transpose %c, [1, 0] : vector<2x3xi64> to vector<3x2xi64>
             %e = vector.extract %t[2, 1] : i64 from vector<3x2xi64>
             %k = vector.create_mask %n : vector<8xi1>
             %i = arith.extui %k : vector<8xi1> to vector<8xi64>
             %s = vector.reduction <add>, %i : vector<8xi64> into i64
             %r = arith.addi %e, %s : i64
             return %r : i64 }""",
        (5,),
        11,
    ),
    "math.isinf, isnormal, isnan": (
        """func.func @f(%a: f32, %b: f32) -> i32 {
             %i = math.isinf %a : f32
             %n = math.isnormal %a : f32
             %m = math.isnormal %b : f32
             %x = math.isnan %b : f32
             %0 = arith.extui %i : i1 to i32
             %1 = arith.extui %n : i1 to i32
             %2 = arith.extui %m : i1 to i32
             %3 = arith.extui %x : i1 to i32
             %ten = arith.constant 10 : i32
             %4 = arith.muli %0, %ten : i32
             %5 = arith.addi %4, %1 : i32
             %6 = arith.muli %5, %ten : i32
             %7 = arith.addi %6, %2 : i32
             %8 = arith.muli %7, %ten : i32
             %9 = arith.addi %8, %3 : i32
             return %9 : i32 }""",
        (float("-inf"), -1.5),
        1010,
    ),
    "math on vectors": (
        """func.func @f(%a: f32) -> f32 {
             %v = vector.broadcast %a : f32 to vector<2x4xf32>
             %e = math.exp %v : vector<2x4xf32>
             %t = math.tanh %e : vector<2x4xf32>
             %u = math.erf %t : vector<2x4xf32>
             %i = arith.constant 2 : i32
             %r = vector.multi_reduction <add>, %u, %a [0, 1] : vector<2x4xf32> to f32
             return %r : f32 }""",
        (0.0,),
        pytest.approx(8 * 0.7185451, rel=1e-5),
    ),
    "math on bf16 vectors": (
        """func.func @f(%a: bf16) -> bf16 {
             %v = vector.broadcast %a : bf16 to vector<8xbf16>
             %e = math.exp %v : vector<8xbf16>
             %s = arith.addf %e, %v : vector<8xbf16>
             %r = vector.extract %s[3] : bf16 from vector<8xbf16>
             return %r : bf16 }""",
        (0.0,),
        1.0,
    ),
    "tensor constants and slices": (
        """func.func @f(%i: index) -> i64 {
             %c = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi64>
             %s = tensor.extract_slice %c[1, 0] [1, 3] [1, 1] : tensor<2x3xi64> to tensor<3xi64>
             %v = tensor.from_elements %i, %i : tensor<2xindex>
             %z = arith.constant 0 : index
             %w = tensor.extract %v[%z] : tensor<2xindex>
             %r = tensor.extract %s[%w] : tensor<3xi64>
             return %r : i64 }""",
        (2,),
        6,
    ),
    "tensor.generate and reshape": (
        """func.func @f(%n: index) -> index {
             %t = tensor.generate %n {
             ^bb0(%i: index, %j: index):
               %s = arith.addi %i, %j : index
               tensor.yield %s : index
             } : tensor<?x4xindex>
             %c = tensor.collapse_shape %t [[0, 1]] : tensor<?x4xindex> into tensor<?xindex>
             %k = arith.constant 7 : index
             %r = tensor.extract %c[%k] : tensor<?xindex>
             return %r : index }""",
        (3,),
        4,
    ),
    "calls between functions": (
        """func.func private @twice(%x: f32) -> (f32, i1) {
             %y = arith.addf %x, %x : f32
             %t = arith.constant true
             return %y, %t : f32, i1 }
           func.func @f(%x: f32) -> f32 {
             %y:2 = func.call @twice(%x) : (f32) -> (f32, i1)
             %r = arith.select %y#1, %y#0, %x : f32
             return %r : f32 }""",
        (2.5,),
        5.0,
    ),
    "llvm dialect": (
        """llvm.func @strlen(!llvm.ptr) -> i64
           llvm.mlir.global internal constant @text("four\\00")
           func.func @f() -> i64 {
             %p = llvm.mlir.addressof @text : !llvm.ptr
             %n = llvm.call @strlen(%p) : (!llvm.ptr) -> i64
             return %n : i64 }""",
        (),
        4,
    ),
    "memref.alloca and global": (
        """memref.global "private" constant @table : memref<3xi32> = dense<[5, 6, 7]>
           func.func @f(%i: index) -> i32 {
             %g = memref.get_global @table : memref<3xi32>
             %b = memref.alloca() : memref<3xi32>
             memref.copy %g, %b : memref<3xi32> to memref<3xi32>
             %v = memref.load %b[%i] : memref<3xi32>
             return %v : i32 }""",
        (1,),
        6,
    ),
    "memref.alloc, subview, realloc, dealloc": (
        """func.func @f(%n: index) -> f64 {
             %c = arith.constant 2.5 : f64
             %a = memref.alloc(%n) : memref<?xf64>
             linalg.fill ins(%c : f64) outs(%a : memref<?xf64>)
             %s = memref.subview %a[1] [2] [2]
               : memref<?xf64> to memref<2xf64, strided<[2], offset: 1>>
             %b = memref.alloc() : memref<2xf64>
             memref.copy %s, %b : memref<2xf64, strided<[2], offset: 1>> to memref<2xf64>
             %m = arith.constant 10 : index
             %g = memref.realloc %a(%m) : memref<?xf64> to memref<?xf64>
             %i = arith.constant 1 : index
             %x = memref.load %b[%i] : memref<2xf64>
             %y = memref.load %g[%i] : memref<?xf64>
             %r = arith.addf %x, %y : f64
             memref.dealloc %b : memref<2xf64>
             memref.dealloc %g : memref<?xf64>
             return %r : f64 }""",
        (4,),
        5.0,
    ),
    "memref.atomic_rmw": (
        """func.func @f(%x: f32) -> f32 {
             %b = memref.alloca() : memref<1xf32>
             %i = arith.constant 0 : index
             memref.store %x, %b[%i] : memref<1xf32>
             %o = memref.atomic_rmw addf %x, %b[%i] : (f32, memref<1xf32>) -> f32
             %m = memref.atomic_rmw maximumf %x, %b[%i] : (f32, memref<1xf32>) -> f32
             %r = memref.load %b[%i] : memref<1xf32>
             return %r : f32 }""",
        (1.25,),
        2.5,
    ),
}


@pytest.mark.parametrize("name", SCALAR_PROGRAMS)
def test_program(load: Load, name: str) -> None:
    text, arguments, expected = SCALAR_PROGRAMS[name]
    assert load(text).call("f", *arguments) == expected


PARALLEL_REDUCTIONS = {
    "arith.addf f32": np.sum,
    "arith.addf f16": np.sum,
    "arith.addf bf16": np.sum,
    "arith.mulf f64": np.prod,
    "arith.maximumf f32": np.max,
    "arith.minnumf f64": np.min,
    "arith.addi i32": np.sum,
    "arith.addi index": np.sum,
    "arith.maxsi i64": np.max,
    "arith.minui i8": np.min,
    "arith.xori i16": np.bitwise_xor.reduce,
    "arith.ori i1": np.any,
    "arith.andi i1": np.all,
}


@pytest.mark.parametrize("kind", PARALLEL_REDUCTIONS)
def test_parallel_reductions(load: Load, kind: str) -> None:
    operation, dtype = kind.split()
    run = load(
        f"""func.func @f(%a: memref<?x?x{dtype}>, %z: {dtype}) -> ({dtype}, {dtype}) {{
              %0 = arith.constant 0 : index
              %1 = arith.constant 1 : index
              %m = memref.dim %a, %0 : memref<?x?x{dtype}>
              %n = memref.dim %a, %1 : memref<?x?x{dtype}>
              %r:2 = scf.parallel (%i, %j) = (%0, %0) to (%m, %n) step (%1, %1)
                       init (%z, %z) -> ({dtype}, {dtype}) {{
                %x = memref.load %a[%i, %j] : memref<?x?x{dtype}>
                scf.reduce(%x, %x : {dtype}, {dtype}) {{
                ^bb0(%p: {dtype}, %q: {dtype}):
                  %s = {operation} %p, %q : {dtype}
                  scf.reduce.return %s : {dtype}
                }}, {{
                ^bb0(%p: {dtype}, %q: {dtype}):
                  %s = {operation} %q, %p : {dtype}
                  scf.reduce.return %s : {dtype}
                }}
              }}
              return %r#0, %r#1 : {dtype}, {dtype} }}"""
    )
    # Small whole numbers, so that every order of additions gives the same.
    values = np.random.default_rng(3).integers(1, 3, (7, 5)).astype(numpy_dtype(dtype))
    first = values[0, 0].item() if dtype != "bf16" else float(values[0, 0])
    expected = PARALLEL_REDUCTIONS[kind](np.append(values.astype(object), first))
    assert run.call("f", values, first) == (expected, expected)


def test_softmax_pack_and_unpack(load: Load) -> None:
    run = load(
        """func.func @softmax(%a: tensor<4x?xf32>) -> tensor<4x?xf32> {
             %1 = arith.constant 1 : index
             %n = tensor.dim %a, %1 : tensor<4x?xf32>
             %o = tensor.empty(%n) : tensor<4x?xf32>
             %r = linalg.softmax dimension(1) ins(%a : tensor<4x?xf32>) outs(%o : tensor<4x?xf32>)
               -> tensor<4x?xf32>
             return %r : tensor<4x?xf32> }
           func.func @pack(%a: tensor<5x6xi32>) -> (tensor<3x2x2x3xi32>, tensor<5x6xi32>) {
             %p = arith.constant -1 : i32
             %o = tensor.empty() : tensor<3x2x2x3xi32>
             %r = linalg.pack %a padding_value(%p : i32) inner_dims_pos = [0, 1]
               inner_tiles = [2, 3] into %o : tensor<5x6xi32> -> tensor<3x2x2x3xi32>
             %b = tensor.empty() : tensor<5x6xi32>
             %u = linalg.unpack %r inner_dims_pos = [0, 1] inner_tiles = [2, 3] into %b
               : tensor<3x2x2x3xi32> -> tensor<5x6xi32>
             return %r, %u : tensor<3x2x2x3xi32>, tensor<5x6xi32> }"""
    )
    a = np.random.default_rng(1).standard_normal((4, 9)).astype(np.float32) * 10
    e = np.exp(a - a.max(1, keepdims=True))
    np.testing.assert_allclose(run.call("softmax", a), e / e.sum(1, keepdims=True), rtol=1e-5)
    b = np.arange(30, dtype=np.int32).reshape(5, 6)
    packed, unpacked = run.call("pack", b)
    padded = np.pad(b, ((0, 1), (0, 0)), constant_values=-1)
    np.testing.assert_array_equal(packed, padded.reshape(3, 2, 2, 3).transpose(0, 2, 1, 3))
    np.testing.assert_array_equal(unpacked, b)


def test_softmax_on_memrefs_is_refused(load: Load) -> None:
    with pytest.raises(CompileError, match="is supported on tensors, found memrefs") as caught:
        load("""func.func @f(%a: memref<4x8xf32>) {
          linalg.softmax dimension(1) ins(%a : memref<4x8xf32>) outs(%a : memref<4x8xf32>)
          return }""")
    assert caught.value.span is not None and caught.value.span.line == 2
    assert "bufferization.to_tensor" in (caught.value.hint or "")
