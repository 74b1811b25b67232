;; error: 6:34 undefined symbol: totl
;; says: did you mean 'total'?
(require-dialect func arith)
(defn main [] -> i64
  (def total (: 1 i64))
  (func.return (arith.addi total totl)))
