;; expect: 3
;; The macro gets (+i 1 2) as it is written: a list of three.
(require-dialect func arith)
(extern :value-ffi)
(defn length [(: args !llvm.ptr)] -> !llvm.ptr
  (def form (call !llvm.ptr value_list_first args))
  (def n (call i64 value_list_len form))
  (func.return `(: ~(call !llvm.ptr value_number_new (arith.sitofp {:result f64} n)) i64)))
(defmacro length)
(defn main [] -> i64 (func.return (length (+i 1 2))))
