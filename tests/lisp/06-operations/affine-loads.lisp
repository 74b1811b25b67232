;; expect: 6
(require-dialect func affine memref scf arith)
(defn main [] -> i64
  (def m (memref.alloca {:result memref<8xi64>}))
  (scf.for (: 0 index) (: 8 index) (: 1 index) (region (block [(: i index)]
    (memref.store (arith.index_cast {:result i64} i) m i)
    (scf.yield))))
  (def two (: 2 index))
  (func.return (affine.load {:map affine_map<(d0) -> (d0 * 2 + 2)> :result i64} m two)))
