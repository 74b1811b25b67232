(require-macros "launch.lisp")
(require-dialect arith func gpu memref)

(defn main []
  (def x (memref.alloc {:result memref<?xf32>} (: 4 index)))
  (def y (memref.alloc {:result memref<?xf32>} (: 4 index)))
  (register x)
  (for [i 0 4] (memref.store (: 1.0 f32) x i))
  (launch
    [block item] (: 1 index) (: 4 index)
    (memref.store (memref.load x item) y item))
  (println "%g" (arith.extf {:result f64} (memref.load y 0)))
  (func.return))
