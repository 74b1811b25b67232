;; expect: -inf
(require-dialect func arith)
(defn main [] -> f64 (func.return (arith.divf (: -1 f64) (: 0 f64))))
