;; expect: 15
;; A macro function is compiled: it may loop over its arguments.
(require-dialect func arith scf)
(extern :value-ffi)
(defn sum [(: args !llvm.ptr)] -> !llvm.ptr
  (def n (arith.index_cast {:result index} (call i64 value_list_len args)))
  (def first (call !llvm.ptr value_list_first args))
  (def all (scf.for {:result !llvm.ptr} (: 1 index) n (: 1 index) first
    (region (block [(: i index) (: so-far !llvm.ptr)]
      (def item (call !llvm.ptr value_list_get args (arith.index_cast {:result i64} i)))
      (def both `(arith.addi ~so-far ~item))
      (scf.yield both)))))
  (func.return all))
(defmacro sum)
(defn main [] -> i64
  (func.return (sum (: 1 i64) (: 2 i64) (: 3 i64) (: 4 i64) (: 5 i64))))
