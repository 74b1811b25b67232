;; expect: 0 1 2 10 11 12
;; Two dimensions; vectors group lower bounds, upper bounds and steps.
(require-dialect func scf memref arith)
(defn main []
  (def m (memref.alloca {:result memref<2x3xi64>}))
  (scf.parallel [(: 0 index) (: 0 index)] [(: 2 index) (: 3 index)] [(: 1 index) (: 1 index)]
    (region (block [(: i index) (: j index)]
      (def v (arith.addi (arith.muli i 10) j))
      (memref.store (arith.index_cast {:result i64} v) m i j)
      (scf.reduce))))
  (println "%ld %ld %ld %ld %ld %ld" (memref.load m 0 0) (memref.load m 0 1) (memref.load m 0 2)
           (memref.load m 1 0) (memref.load m 1 1) (memref.load m 1 2))
  (func.return))
