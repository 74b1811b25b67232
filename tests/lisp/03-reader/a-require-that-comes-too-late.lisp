;; error: 3:36 unknown dialect 'arith'
(require-dialect func)
(defn main [] -> i64 (func.return (arith.addi (: 1 i64) (: 2 i64))))
(require-dialect arith)
