;; expect: 5 2.5
;; Their made bodies subtract and divide.
(require-dialect func linalg memref)
(defn main []
  (def a (memref.alloca {:result memref<3xf64>}))
  (def b (memref.alloca {:result memref<3xf64>}))
  (def c (memref.alloca {:result memref<3xf64>}))
  (linalg.fill (: 7.5 f64) a)
  (linalg.fill (: 2.5 f64) b)
  (linalg.sub a b c)
  (print "%g " (memref.load c 2))
  (linalg.fill (: 3.0 f64) b)
  (linalg.div a b c)
  (println "%g" (memref.load c 0))
  (func.return))
