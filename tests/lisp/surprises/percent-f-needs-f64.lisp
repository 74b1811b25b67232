;; expect: 1.500000
(require-dialect func arith)
(defn main [] (println "%f" (arith.extf {:result f64} (: 1.5 f32))) (func.return))
