;; expect: 3
(require-dialect func)
(defn main [] -> f64 (func.return (: 3 f64)))
