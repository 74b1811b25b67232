;; expect: 19 22 43 50
;; Stage C: :ins, :outs and the body are written out.
(require-dialect func linalg memref arith)
(defn main []
  (def a (memref.alloca {:result memref<2x2xf64>}))
  (def b (memref.alloca {:result memref<2x2xf64>}))
  (def c (memref.alloca {:result memref<2x2xf64>}))
  (memref.store (: 1.0 f64) a 0 0) (memref.store (: 2.0 f64) a 0 1)
  (memref.store (: 3.0 f64) a 1 0) (memref.store (: 4.0 f64) a 1 1)
  (memref.store (: 5.0 f64) b 0 0) (memref.store (: 6.0 f64) b 0 1)
  (memref.store (: 7.0 f64) b 1 0) (memref.store (: 8.0 f64) b 1 1)
  (linalg.fill {:ins 1 :outs 1} (: 0.0 f64) c
    (region (block [(: x f64) (: old f64)] (linalg.yield x))))
  (linalg.matmul {:ins 2 :outs 1} a b c
    (region (block [(: x f64) (: y f64) (: acc f64)]
      (linalg.yield (arith.addf acc (arith.mulf x y))))))
  (println "%g %g %g %g" (memref.load c 0 0) (memref.load c 0 1)
           (memref.load c 1 0) (memref.load c 1 1))
  (func.return))
