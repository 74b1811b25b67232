;; error: 3:35 'arith.addf' op operand #0 must be floating-point-like
(require-dialect func arith)
(defn main [] -> i64 (func.return (arith.addf (: 1 i64) (: 2 i64))))
