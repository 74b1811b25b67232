;; expect: 8 of 2 x 4
;; expect: 7
;; An access without :map takes an index for each dimension; the type of a load follows.
(require-dialect func affine memref arith)
(defn main [] -> i64
  (def m (memref.alloca {:result memref<2x4xi64>}))
  (affine.for {:lower_bound 0 :upper_bound 2} (region (block [(: i index)]
    (affine.for {:lower_bound 0 :upper_bound 4 :step 1} (region (block [(: j index)]
      (affine.store (arith.index_cast {:result i64}
                      (affine.apply {:map "affine_map<(d0, d1) -> (d0 * 4 + d1)>"} i j))
                    m i j)
      (affine.yield))))
    (affine.yield))))
  (def last (affine.load m 1 3))
  (print "%ld of 2 x 4\n" (+ last 1))
  (func.return (affine.load {:result i64} m 1 3)))
