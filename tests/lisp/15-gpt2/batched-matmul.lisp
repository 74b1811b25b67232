;; expect: 4 8
(require-dialect func linalg memref arith)
(defn main []
  (def a (memref.alloc {:result memref<2x3x4xf32>}))
  (def b (memref.alloc {:result memref<2x4x5xf32>}))
  (def c (memref.alloc {:result memref<2x3x5xf32>}))
  (linalg.fill (: 1.0 f32) a)
  (linalg.fill (: 1.0 f32) b)
  (linalg.fill (: 0.0 f32) c)
  (linalg.batch_matmul a b c)
  (print "%g " (arith.extf {:result f64} (memref.load c 1 2 4)))
  (linalg.batch_matmul {:ins 2 :outs 1} a b c
    (region (block [(: x f32) (: y f32) (: acc f32)]
      (linalg.yield (arith.addf acc (arith.mulf x y))))))
  (println "%g" (arith.extf {:result f64} (memref.load c 0 0 0)))
  (func.return))
