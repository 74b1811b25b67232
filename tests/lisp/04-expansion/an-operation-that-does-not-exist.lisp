;; error: 3:36 unknown operation 'arith.plus'
(require-dialect arith func)
(defn main [] -> i64 (func.return (arith.plus (: 1 i64) (: 2 i64))))
