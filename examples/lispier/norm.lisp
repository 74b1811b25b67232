;; The length of (1, 2, 2, 4): a program of two files.

(require ["vectors.lisp" :as v])
(require-dialect func math memref)

(defn main [] -> f64
  (def x (memref.alloca {:result memref<4xf64>}))
  (memref.store 1.0 x 0)
  (memref.store 2.0 x 1)
  (memref.store 2.0 x 2)
  (memref.store 4.0 x 3)
  (func.return (math.sqrt (v/dot x x))))
