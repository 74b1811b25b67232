;; expect: 3 2
;; The first Lispier took literals without commas.
(require-dialect func arith memref tensor)
(defn main [] -> i64
  (def d (arith.constant {:value "dense<1 2 3> : tensor<3xi64>" :result tensor<3xi64>}))
  (def m (memref.alloc {:operandSegmentSizes array<i32: 1 0> :result memref<?xi64>} (: 2 index)))
  (print "%ld " (tensor.extract d (: 2 index)))
  (func.return (arith.index_cast {:result i64} (memref.dim m 0))))
