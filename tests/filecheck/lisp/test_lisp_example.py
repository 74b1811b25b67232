"""The example of section 16 of the language reference, whole."""

from __future__ import annotations

from pharos import ir
from pharos.lisp import load_text, lower

PROGRAM = r"""
(require-dialect arith func scf memref llvm)
(link-library :c)
(extern-fn printf (-> [!llvm.ptr ...] [i32]))

(defn triangle [(: n index)] -> i64
  (def sum (scf.for {:result i64} (: 1 index) (arith.addi n (: 1 index)) (: 1 index) (: 0 i64)
    (region (block [(: i index) (: acc i64)]
      (def v (arith.index_cast {:result i64} i))
      (scf.yield (arith.addi acc v))))))
  (func.return sum))

(defn main [] -> i32
  (def t (call i64 triangle (: 12 index)))
  (print "triangle %ld\n" t)
  (def big (>i t 70))
  (def code (if {:result i32} big (: 1 i32) (do (print "small\n") (: 0 i32))))
  (func.return code))
"""

EXPECTED = r"""module {
  llvm.mlir.global internal constant @_print_str_0() {addr_space = 0 : i32} : !llvm.array<14 x i8> {
    %0 = llvm.mlir.constant("triangle %ld\0A\00") : !llvm.array<14 x i8>
    llvm.return %0 : !llvm.array<14 x i8>
  }
  llvm.mlir.global internal constant @_print_str_1() {addr_space = 0 : i32} : !llvm.array<7 x i8> {
    %0 = llvm.mlir.constant("small\0A\00") : !llvm.array<7 x i8>
    llvm.return %0 : !llvm.array<7 x i8>
  }
  llvm.func @printf(!llvm.ptr, ...) -> i32
  func.func @triangle(%arg0: index) -> i64 attributes {llvm.emit_c_interface} {
    %c1 = arith.constant 1 : index
    %c1_0 = arith.constant 1 : index
    %0 = arith.addi %arg0, %c1_0 : index
    %c1_1 = arith.constant 1 : index
    %c0_i64 = arith.constant 0 : i64
    %1 = scf.for %arg1 = %c1 to %0 step %c1_1 iter_args(%arg2 = %c0_i64) -> (i64) {
      %2 = arith.index_cast %arg1 : index to i64
      %3 = arith.addi %arg2, %2 : i64
      scf.yield %3 : i64
    }
    return %1 : i64
  }
  func.func @main() -> i32 attributes {llvm.emit_c_interface} {
    %c12 = arith.constant 12 : index
    %0 = call @triangle(%c12) : (index) -> i64
    %1 = llvm.mlir.addressof @_print_str_0 : !llvm.ptr
    %2 = llvm.call @printf(%1, %0) vararg(!llvm.func<i32 (ptr, ...)>) : (!llvm.ptr, i64) -> i32
    %c70_i64 = arith.constant 70 : i64
    %3 = arith.cmpi sgt, %0, %c70_i64 : i64
    %4 = scf.if %3 -> (i32) {
      %c1_i32 = arith.constant 1 : i32
      scf.yield %c1_i32 : i32
    } else {
      %5 = llvm.mlir.addressof @_print_str_1 : !llvm.ptr
      %6 = llvm.call @printf(%5) vararg(!llvm.func<i32 (ptr, ...)>) : (!llvm.ptr) -> i32
      %c0_i32 = arith.constant 0 : i32
      scf.yield %c0_i32 : i32
    }
    return %4 : i32
  }
}
"""


def test_the_example_lowers_to_this() -> None:
    program = load_text(PROGRAM, "example.lisp")
    assert ir.to_text(lower(program)) == EXPECTED
    assert [library.name for library in program.libraries] == ["c"]
