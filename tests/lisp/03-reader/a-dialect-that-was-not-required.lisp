;; error: 4:36 unknown dialect 'arith'
;; says: (require-dialect arith)
(require-dialect func)
(defn main [] -> i64 (func.return (arith.addi (: 1 i64) (: 2 i64))))
