;; expect: 0.0000000125
(require-dialect func)
(defn main [] -> f64 (func.return (: 1.25e-8 f64)))
