;; expect: 8
(require-dialect func scf memref arith)
(defn main [] -> i64
  (def m (memref.alloca {:result memref<9xi64>}))
  (scf.parallel (: 0 index) (: 9 index) (: 1 index)
    (region (block [(: i index)]
      (memref.store (arith.index_cast {:result i64} i) m i)
      (scf.yield))))
  (func.return (memref.load m (: 8 index))))
