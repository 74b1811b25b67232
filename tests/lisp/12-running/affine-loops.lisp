;; expect: 10
;; affine.for with constant bounds, its step and maps in attributes.
(require-dialect func affine memref arith)
(defn main [] -> i64
  (def m (memref.alloca {:result memref<1xi64>}))
  (memref.store (: 0 i64) m 0)
  (affine.for {:lowerBoundMap affine_map<() -> (0)> :upperBoundMap affine_map<() -> (5)>
               :step (: 1 index) :operandSegmentSizes array<i32: 0, 0, 0>}
    (region (block [(: i index)]
      (memref.store (+i (memref.load m 0) (arith.index_cast {:result i64} i)) m 0)
      (affine.yield))))
  (func.return (memref.load m 0)))
