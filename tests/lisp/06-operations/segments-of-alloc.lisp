;; expect: 3 5
;; The sizes of the ? dimensions need no :operandSegmentSizes.
(require-dialect func memref arith)
(defn main []
  (def m (memref.alloc {:result memref<?x2x?xf32>} (: 3 index) (: 5 index)))
  (def a (arith.index_cast {:result i64} (memref.dim m (: 0 index))))
  (def b (arith.index_cast {:result i64} (memref.dim m (: 2 index))))
  (println "%ld %ld" a b)
  (memref.dealloc m)
  (func.return))
