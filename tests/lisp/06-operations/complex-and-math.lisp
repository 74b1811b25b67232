;; expect: 13 1
(require-dialect func complex math arith)
(defn main []
  (def z (complex.create {:result complex<f64>} (: 5.0 f64) (: 12.0 f64)))
  (println "%g %g" (complex.abs z) (math.cos (: 0.0 f64)))
  (func.return))
