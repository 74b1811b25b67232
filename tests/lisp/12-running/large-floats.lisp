;; expect: 1000000000000000000000
;; Never an exponent.
(require-dialect func)
(defn main [] -> f64 (func.return (: 1e21 f64)))
