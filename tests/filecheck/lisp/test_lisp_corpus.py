"""Programs with everything that section 15 of the language reference lists."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lisp_lowering import assert_lines, context, ir_of

from pharos import ir
from pharos.core.errors import ErrorList, UserError
from pharos.lisp import load_text, lower

# The stages of a token generator: C files, globals, views, loops, linalg bodies, a kernel.
PROGRAM = r"""
(require-dialect func arith memref llvm scf linalg math gpu)
(link-library :c)
(extern-fn printf (-> [!llvm.ptr ...] [i32]))
(extern-fn fopen (-> [!llvm.ptr !llvm.ptr] [!llvm.ptr]))
(extern-fn fread (-> [!llvm.ptr i64 i64 !llvm.ptr] [i64]))
(extern-fn fseek (-> [!llvm.ptr i64 i32] [i32]))
(extern-fn fclose (-> [!llvm.ptr] [i32]))
(extern-fn free (-> [!llvm.ptr] []))
(extern-fn clock_ms (-> [] [i64]))
(func.func {:sym_name "malloc" :function_type (-> [i64] [!llvm.ptr])
            :sym_visibility "private"} (region))
(func.func {:sym_name "printMemrefF32" :function_type (-> ["memref<*xf32>"] [])
            :sym_visibility "private"} (region))

(module (do
  (llvm.mlir.global {:sym_name "path" :linkage "#llvm.linkage<internal>" :constant true
                     :global_type !llvm.array<10 x i8> :value "model.bin\0"})
  (llvm.mlir.global {:sym_name "weights" :linkage 0 :global_type !llvm.ptr}
    (region (block [] (def none (llvm.mlir.zero {:result !llvm.ptr})) (llvm.return none))))
  (llvm.mlir.global {:sym_name "steps" :linkage 7 :global_type i32}
    (region (block [] (llvm.return (llvm.mlir.constant {:value 64 :result i32})))))
  (defn main []
    (def start (call i64 clock_ms))
    (read-all)
    (print "took %ld ms, %d of %s\n" (arith.subi (call i64 clock_ms) start)
      (llvm.load {:result i32} (llvm.mlir.addressof {:global_name @steps :result !llvm.ptr}))
      (llvm.mlir.addressof {:global_name @path :result !llvm.ptr}))
    (func.return))))

(defn read-all []
  (def path (llvm.mlir.addressof {:global_name @path :result !llvm.ptr}))
  (def mode (llvm.mlir.addressof {:global_name @path :result !llvm.ptr}))
  (def file (call !llvm.ptr fopen path mode))
  (if (null? file)
    (print "cannot open %s\n" path)
    (do
      (def header (call !llvm.ptr malloc (: 1024 i64)))
      (call i64 fread header (: 4 i64) (: 256 i64) file)
      (call i32 fseek file (: 0 i64) (: 0 i32))
      (def word (ptr-load i32 (ptr-at i32 header (: 2 i64))))
      (def byte (ptr-load i8 (ptr-at i8 header (: 3 i64))))
      (def pointer (ptr-load !llvm.ptr (ptr-at !llvm.ptr header (: 1 i64))))
      (ptr-store! (arith.addi word (arith.extui {:result i32} byte)) (ptr-at i32 header 0))
      (ptr-store! pointer (llvm.mlir.addressof {:global_name @weights :result !llvm.ptr}))
      (call! free header)
      (call i32 fclose file)))
  (func.return))

(defn rows [(: x memref<12x768xf32>) (: i index)] -> "memref<768xf32, strided<[1], offset: ?>>"
  (func.return
    (memref.subview {:static_offsets "array<i64: -9223372036854775808, 0>"
                     :static_sizes "array<i64: 1, 768>" :static_strides "array<i64: 1, 1>"
                     :operandSegmentSizes "array<i32: 1, 1, 0, 0>"
                     :result "memref<768xf32, strided<[1], offset: ?>>"} x i)))

(defn attention [(: q memref<?x?xf32>) (: w memref<12x768x3072xbf16>) (: out memref<4x8xf32>)
                 (: T index)]
  (def one (: 1 index))
  (def zero (: 0 index))
  (scf.for zero T one (region (block [(: b index)]
    (scf.for zero T one (region (block [(: h index)]
      (scf.for zero (arith.addi b one) one (region (block [(: t index)]
        (def sum (scf.for {:result f32} zero T one (: 0.0 f32)
          (region (block [(: d index) (: acc f32)]
            (def a (memref.load q t d))
            (def k (arith.extf {:result f32} (memref.load w zero t d)))
            (scf.yield (arith.addf acc (arith.mulf a k)))))))
        (def big (arith.cmpf {:predicate 2} sum (: 0.0 f32)))
        (scf.if big
          (region (block [] (memref.store (math.exp sum) q b t) (scf.yield)))
          (region (block [] (scf.yield))))
        (scf.yield))))
      (scf.yield))))
    (scf.yield))))
  (scf.parallel [zero zero] [T T] [one one]
    (region (block [(: i index) (: j index)]
      (memref.store (math.tanh (math.sqrt (math.absf (memref.load q i j)))) q i j)
      (scf.reduce))))
  (linalg.fill (: 0.0 f32) out)
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(d0,d1) -> (d1, d0*4 + 0)>
                                   affine_map<(d0,d1) -> (d0, d1)>]
                   :iterator_types ["#linalg.iterator_type<parallel>"
                                    "#linalg.iterator_type<reduction>"]} q out
    (region (block [(: p f32) (: old f32)]
      (linalg.yield (arith.maximumf (math.powf p (: 2.0 f32)) (arith.negf old))))))
  (call! printMemrefF32 (memref.cast {:result "memref<*xf32>"} out))
  (func.return))

(defn kernel [(: x memref<64xf32>)]
  (def one (: 1 index))
  (gpu.host_register (memref.cast {:result "memref<*xf32>"} x))
  (gpu.launch {:operandSegmentSizes array<i32: 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0>}
    one one one (: 64 index) one one
    (region (block [(: bx index) (: by index) (: bz index) (: tx index) (: ty index) (: tz index)
                    (: gx index) (: gy index) (: gz index) (: sx index) (: sy index) (: sz index)]
      (def mine (memref.load x tx))
      (def other (gpu.shuffle {:mode "#gpu<shuffle_mode xor>"} mine (: 16 i32) (: 32 i32)))
      (memref.store (arith.addf mine other) x (gpu.thread_id {:dimension "#gpu<dim x>"}))
      (gpu.terminator))))
  (func.return))

(defn integers [(: x i64)] -> i64
  (def a (arith.shli (arith.andi x (: 255 i64)) (: 8 i64)))
  (def b (arith.ori a (arith.divui x (: 3 i64))))
  (def c (arith.remui b (: 7 i64)))
  (def f (arith.sitofp {:result f32} c))
  (def g (math.copysign f (arith.minimumf f (: 1.0 f32))))
  (func.return (arith.select (arith.cmpi {:predicate 4} c x) c
                             (arith.extsi {:result i64} (arith.trunci {:result i32} b)))))
"""


def test_the_checklist_lowers() -> None:
    # A call by its bare name is not in the language.
    program = PROGRAM.replace("(read-all)\n", "(call! read-all)\n")
    text = ir.to_text(lower(load_text(program, "check.lisp"), context()))
    assert_lines(
        text,
        'llvm.mlir.global internal constant @path("model.bin\\00")',
        "llvm.mlir.global external @weights()",
        "llvm.mlir.global internal @steps()",
        "func.func @main()",
        'func.func @"read-all"()',
        "scf.if",
        "memref.subview %arg0[%arg1, 0] [1, 768] [1, 1]",
        "linalg.generic",
        "gpu.launch",
        "gpu.shuffle xor",
    )


def test_a_function_called_by_its_bare_name_is_explained() -> None:
    with pytest.raises(UserError) as caught:
        lower(load_text(PROGRAM, "check.lisp"), context())
    assert caught.value.message == "unknown operation 'read-all'"
    assert caught.value.hint == (
        "to call the function, write (call TYPE read-all ...) or (call! read-all ...)"
    )


def test_an_old_stage_of_the_language() -> None:
    text = ir_of(
        """
        (llvm.mlir.global {:sym_name "s" :linkage 10 :global_type i32})
        (func.func {:sym_name "puts" :function_type (-> [!llvm.ptr] [i32])
                    :sym_visibility "private"})
        (defn f [(: x i32) (: a memref<4x4xf32>)]
          (def c (arith.cmpi {:predicate "slt"} x 3))
          (func.call {:result i32} "puts" (null-ptr))
          (linalg.matmul a a a)
          (linalg.fill 0.0 a)
          (func.return))
        """
    )
    assert_lines(text, "arith.cmpi slt", "call @puts", "linalg.matmul", "linalg.fill")


def test_a_long_program_is_fast_enough() -> None:
    program = PROGRAM.replace("(read-all)\n", "(call! read-all)\n")
    functions = program[program.index("(defn rows") :]
    text = program
    for copy in range(28):
        text += re.sub(r"\(defn ([\w-]+)", rf"(defn \1-{copy}", functions)
    assert len(text) > 90_000
    start = time.process_time()
    lower(load_text(text, "long.lisp"), context())
    # Under 0.6 s where this was written; the bound is there to catch what is not linear.
    assert time.process_time() - start < 5


_TOKENS = re.findall(r'"(?:[^"\\]|\\.)*"|[^\s()\[\]{}"]+|[()\[\]{}]|\s+', PROGRAM)
_CHANGE = st.tuples(
    st.integers(0, len(_TOKENS) - 1),
    st.sampled_from(["", *sorted(set(_TOKENS)), "(", ")", "nope", "1e999", ":k", "^b"]),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(_CHANGE, min_size=1, max_size=3))
def test_a_damaged_program_is_lowered_or_refused_with_a_place(
    changes: list[tuple[int, str]],
) -> None:
    tokens = list(_TOKENS)
    for position, token in changes:
        tokens[position] = token
    try:
        lower(load_text("".join(tokens), "damaged.lisp"), context())
    except UserError as error:
        for one in error.errors if isinstance(error, ErrorList) else [error]:
            assert one.span is not None
            assert one.span.file == "damaged.lisp"
            assert str(one).startswith("damaged.lisp:")
