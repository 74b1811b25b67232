;; error: 4:36 unknown operation or macro 'addi'
;; says: did you mean 'arith.addi'?
(require-dialect arith func)
(defn main [] -> i64 (func.return (addi (: 1 i64) (: 2 i64))))
