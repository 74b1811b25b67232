;; Functions on arrays of four numbers; required by norm.lisp.

(require-dialect arith func memref)

(defn dot [(: a memref<4xf64>) (: b memref<4xf64>)] -> f64
  (func.return
    (for {:result f64} [i 0 4] [sum 0.0]
      (+ sum (* (memref.load a i) (memref.load b i))))))
