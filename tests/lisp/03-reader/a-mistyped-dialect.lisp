;; error: 4:36 unknown dialect 'airth'
;; says: did you mean 'arith'?
(require-dialect arith func)
(defn main [] -> i64 (func.return (airth.addi (: 1 i64) (: 2 i64))))
