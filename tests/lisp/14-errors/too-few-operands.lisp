;; error: 3:35 'arith.addi' op expected 2 operands, but found 1
(require-dialect func arith)
(defn main [] -> i64 (func.return (arith.addi (: 1 i64))))
