;; expect: 1 5 9 0.75
;; Operations that can infer their results need no :result.
(require-dialect func arith memref math llvm)
(defn main []
  (def m (memref.alloca {:result memref<5xi64>}))
  (memref.store (: 9 i64) m (: 2 index))
  (def same (llvm.icmp {:predicate 0} (: 1 i64) (: 1 i64)))
  (def d (arith.index_cast {:result i64} (memref.dim m (: 0 index))))
  (def r (math.absf (arith.subf (: 0.25 f64) (: 1.0 f64))))
  (println "%d %ld %ld %g" (arith.extui {:result i32} same) d (memref.load m (: 2 index)) r)
  (func.return))
