;; expect: 3
;; They are i64.
(require-dialect func arith)
(defn main [] -> i64 (func.return (arith.addi 1 2)))
