"""One small program per dialect and construct, run through the default pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pharos.runtime import Runner

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
