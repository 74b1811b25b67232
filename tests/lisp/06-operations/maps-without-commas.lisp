;; expect: 4
;; Old programs write array<i32: 1 0> without commas.
(require-dialect func memref arith)
(defn main [] -> i64
  (def m (memref.alloc {:operandSegmentSizes array<i32: 1 0> :result memref<?xf32>} (: 4 index)))
  (func.return (arith.index_cast {:result i64} (memref.dim m (: 0 index)))))
