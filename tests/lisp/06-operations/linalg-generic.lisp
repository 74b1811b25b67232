;; expect: 0 10 1 11 2 12
;; A transposition: maps and iterator types as strings are converted.
(require-dialect func linalg memref arith scf)
(defn main []
  (def m (memref.alloca {:result memref<2x3xi64>}))
  (def t (memref.alloca {:result memref<3x2xi64>}))
  (scf.for (: 0 index) (: 3 index) (: 1 index) (region (block [(: j index)]
    (def v (arith.index_cast {:result i64} j))
    (memref.store v m 0 j)
    (memref.store (+i v 10) m 1 j)
    (scf.yield))))
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(i, j) -> (j, i)> "affine_map<(i, j) -> (i, j)>"]
                   :iterator_types ["parallel" "#linalg.iterator_type<parallel>"]}
    m t
    (region (block [(: x i64) (: old i64)] (linalg.yield x))))
  (println "%ld %ld %ld %ld %ld %ld" (memref.load t 0 0) (memref.load t 0 1) (memref.load t 1 0)
           (memref.load t 1 1) (memref.load t 2 0) (memref.load t 2 1))
  (func.return))
