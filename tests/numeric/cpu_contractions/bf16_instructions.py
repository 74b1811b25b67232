"""What AVX512-BF16 and AMX instructions do, in MLIR: products run where no CPU has them.

Calls of the intrinsics become calls of these functions; the pseudo code is that of Intel's
manual (SDM, volume 2: LDTILECFG, TILELOADD, TILESTORED, TILEZERO, TDPBF16PS, VDPBF16PS). Tiles
without a configuration give NaN.
"""

from __future__ import annotations

import re
from dataclasses import replace

from pharos import ir
from pharos.targets.cpu import target as cpu
from pharos.toolchain import Request, load, lower, mlir_payload

_CALL = re.compile(r'llvm\.call_intrinsic "llvm\.x86\.([\w.]+)"')

FUNCTIONS = """
memref.global "private" @tiles : memref<8x16x16xi32> = uninitialized
memref.global "private" @configured : memref<1xi32> = dense<0>

func.func private @ldtilecfg(%p: !llvm.ptr) {
  %c0 = arith.constant 0 : index  %c1 = arith.constant 1 : index  %c8 = arith.constant 8 : index
  %one = arith.constant 1 : i32  %zero = arith.constant 0 : i32
  %palette = llvm.load %p : !llvm.ptr -> i8
  %byte1 = arith.constant 1 : i8
  %known = arith.cmpi eq, %palette, %byte1 : i8
  %good = scf.for %t = %c0 to %c8 step %c1 iter_args(%so = %known) -> (i1) {
    %n = arith.index_cast %t : index to i64
    %c16 = arith.constant 16 : i64  %c48 = arith.constant 48 : i64  %c2 = arith.constant 2 : i64
    %twice = arith.muli %n, %c2 : i64
    %at = arith.addi %c16, %twice : i64
    %pc = llvm.getelementptr %p[%at] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %bytes = llvm.load %pc {alignment = 1} : !llvm.ptr -> i16
    %row = arith.addi %c48, %n : i64
    %pr = llvm.getelementptr %p[%row] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %rows = llvm.load %pr : !llvm.ptr -> i8
    %w64 = arith.constant 64 : i16  %r16 = arith.constant 16 : i8
    %a = arith.cmpi eq, %bytes, %w64 : i16
    %b = arith.cmpi eq, %rows, %r16 : i8
    %ab = arith.andi %a, %b : i1
    %next = arith.andi %so, %ab : i1
    scf.yield %next : i1
  }
  %flag = arith.select %good, %one, %zero : i32
  %state = memref.get_global @configured : memref<1xi32>
  memref.store %flag, %state[%c0] : memref<1xi32>
  return
}

func.func private @tilerelease() {
  %c0 = arith.constant 0 : index  %zero = arith.constant 0 : i32
  %state = memref.get_global @configured : memref<1xi32>
  memref.store %zero, %state[%c0] : memref<1xi32>
  return
}

func.func private @tilezero(%t: i8) {
  %tile = arith.index_cast %t : i8 to index
  %c0 = arith.constant 0 : index  %c1 = arith.constant 1 : index  %c16 = arith.constant 16 : index
  %zero = arith.constant 0 : i32
  %all = memref.get_global @tiles : memref<8x16x16xi32>
  scf.for %r = %c0 to %c16 step %c1 { scf.for %c = %c0 to %c16 step %c1 {
    memref.store %zero, %all[%tile, %r, %c] : memref<8x16x16xi32>
  } }
  return
}

func.func private @tileloadd64(%t: i8, %p: !llvm.ptr, %stride: i64) {
  %tile = arith.index_cast %t : i8 to index
  %c0 = arith.constant 0 : index  %c1 = arith.constant 1 : index  %c16 = arith.constant 16 : index
  %all = memref.get_global @tiles : memref<8x16x16xi32>
  scf.for %r = %c0 to %c16 step %c1 { scf.for %c = %c0 to %c16 step %c1 {
    %q = func.call @tile_element(%p, %stride, %r, %c) : (!llvm.ptr, i64, index, index) -> !llvm.ptr
    %v = llvm.load %q : !llvm.ptr -> i32
    memref.store %v, %all[%tile, %r, %c] : memref<8x16x16xi32>
  } }
  return
}

func.func private @tilestored64(%t: i8, %p: !llvm.ptr, %stride: i64) {
  %tile = arith.index_cast %t : i8 to index
  %c0 = arith.constant 0 : index  %c1 = arith.constant 1 : index  %c16 = arith.constant 16 : index
  %all = memref.get_global @tiles : memref<8x16x16xi32>
  scf.for %r = %c0 to %c16 step %c1 { scf.for %c = %c0 to %c16 step %c1 {
    %q = func.call @tile_element(%p, %stride, %r, %c) : (!llvm.ptr, i64, index, index) -> !llvm.ptr
    %v = memref.load %all[%tile, %r, %c] : memref<8x16x16xi32>
    llvm.store %v, %q : i32, !llvm.ptr
  } }
  return
}

func.func private @tile_element(%p: !llvm.ptr, %stride: i64, %r: index, %c: index) -> !llvm.ptr {
  %four = arith.constant 4 : i64
  %r64 = arith.index_cast %r : index to i64
  %c64 = arith.index_cast %c : index to i64
  %down = arith.muli %r64, %stride : i64
  %across = arith.muli %c64, %four : i64
  %at = arith.addi %down, %across : i64
  %q = llvm.getelementptr %p[%at] : (!llvm.ptr, i64) -> !llvm.ptr, i8
  return %q : !llvm.ptr
}

func.func private @tdpbf16ps(%t: i8, %ta: i8, %tb: i8) {
  %tile = arith.index_cast %t : i8 to index
  %a = arith.index_cast %ta : i8 to index
  %b = arith.index_cast %tb : i8 to index
  %c0 = arith.constant 0 : index  %c1 = arith.constant 1 : index  %c16 = arith.constant 16 : index
  %half = arith.constant 16 : i32  %high = arith.constant 0xFFFF0000 : i32
  %nan = arith.constant 0x7FC00000 : i32  %zero = arith.constant 0 : i32
  %all = memref.get_global @tiles : memref<8x16x16xi32>
  %state = memref.get_global @configured : memref<1xi32>
  %flag = memref.load %state[%c0] : memref<1xi32>
  %ready = arith.cmpi ne, %flag, %zero : i32
  scf.for %m = %c0 to %c16 step %c1 { scf.for %n = %c0 to %c16 step %c1 {
    %bits = memref.load %all[%tile, %m, %n] : memref<8x16x16xi32>
    %first = arith.bitcast %bits : i32 to f32
    %sum = scf.for %k = %c0 to %c16 step %c1 iter_args(%so = %first) -> (f32) {
      %x = memref.load %all[%a, %m, %k] : memref<8x16x16xi32>
      %y = memref.load %all[%b, %k, %n] : memref<8x16x16xi32>
      %xl = arith.shli %x, %half : i32
      %yl = arith.shli %y, %half : i32
      %xh = arith.andi %x, %high : i32
      %yh = arith.andi %y, %high : i32
      %fxl = arith.bitcast %xl : i32 to f32
      %fyl = arith.bitcast %yl : i32 to f32
      %fxh = arith.bitcast %xh : i32 to f32
      %fyh = arith.bitcast %yh : i32 to f32
      %p = math.fma %fxl, %fyl, %so : f32
      %q = math.fma %fxh, %fyh, %p : f32
      scf.yield %q : f32
    }
    %made = arith.bitcast %sum : f32 to i32
    %result = arith.select %ready, %made, %nan : i32
    memref.store %result, %all[%tile, %m, %n] : memref<8x16x16xi32>
  } }
  return
}

func.func private @dpbf16ps_512(
    %c: vector<16xf32>, %a: vector<32xbf16>, %b: vector<32xbf16>) -> vector<16xf32> {
  %x = arith.extf %a : vector<32xbf16> to vector<32xf32>
  %y = arith.extf %b : vector<32xbf16> to vector<32xf32>
  %xe, %xo = vector.deinterleave %x : vector<32xf32> -> vector<16xf32>
  %ye, %yo = vector.deinterleave %y : vector<32xf32> -> vector<16xf32>
  %p = math.fma %xo, %yo, %c : vector<16xf32>
  %q = math.fma %xe, %ye, %p : vector<16xf32>
  return %q : vector<16xf32>
}
"""


def lowered(text: str, request: Request) -> object:
    """The module of ``text`` in the LLVM dialect, intrinsics as they are."""
    return lower(mlir_payload(text), request).module


def emulated(text: str, request: Request) -> tuple[object, set[str]]:
    """``text`` ready to be called, and the intrinsics that it uses."""
    payload = mlir_payload(text + FUNCTIONS)
    module = payload.module()
    prepared = cpu.prepare(module)
    result = lower(replace(payload, make=lambda: module), request)
    code = str(result.module)
    used = set(_CALL.findall(code))

    def call(match: re.Match[str]) -> str:
        return f"llvm.call @{match[1].replace('avx512bf16.', '').replace('.', '_')}"

    return load(cpu.finish(ir.parse(_CALL.sub(call, code)), prepared, ())), used
