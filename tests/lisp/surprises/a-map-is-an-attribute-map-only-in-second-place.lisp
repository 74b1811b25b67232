;; error: 3:57 an operand of arith.addi must be
(require-dialect func arith)
(defn main [] -> i64 (func.return (arith.addi (: 1 i64) {:result i64} (: 2 i64))))
