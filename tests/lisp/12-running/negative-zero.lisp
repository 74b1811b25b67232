;; expect: -0
(require-dialect func)
(defn main [] -> f64 (func.return (: -0.0 f64)))
