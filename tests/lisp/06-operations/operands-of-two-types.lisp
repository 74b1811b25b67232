;; error: 3:35 'arith.addi' op requires the same type
(require-dialect func arith)
(defn main [] -> i64 (func.return (arith.addi (: 1 i64) (: 2 i32))))
