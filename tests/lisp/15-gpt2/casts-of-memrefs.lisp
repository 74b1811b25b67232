;; expect: 3 4
;; To unknown sizes, to a stride, to no rank.
(require-dialect func memref arith)
(defn main []
  (def m (memref.alloc {:result memref<3x4xf32>}))
  (def a (memref.cast {:result "memref<?x?xf32>"} m))
  (def b (memref.cast {:result "memref<?x?xf32, strided<[?, 1], offset: ?>>"} a))
  (def c (memref.cast {:result "memref<*xf32>"} b))
  (def d (memref.cast {:result memref<?x?xf32>} c))
  (println "%ld %ld" (arith.index_cast {:result i64} (memref.dim d 0))
           (arith.index_cast {:result i64} (memref.dim d 1)))
  (func.return))
