;; expect: 1 12
(require-dialect func linalg memref arith)
(defn main []
  (def m (memref.alloca {:result memref<2x3xi64>}))
  (linalg.generic {:ins 0 :outs 1 :indexing_maps [affine_map<(i, j) -> (i, j)>]
                   :iterator_types ["parallel" "parallel"]} m
    (region (block [(: old i64)]
      (def i (linalg.index {:dim 0}))
      (def j (linalg.index {:dim 1}))
      (linalg.yield (arith.index_cast {:result i64} (+ (* i 10) j))))))
  (println "%ld %ld" (memref.load m 0 1) (memref.load m 1 2))
  (func.return))
