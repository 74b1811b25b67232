;; expect: 6
;; Items of a vector are operands like others.
(require-dialect func arith)
(defn main [] -> i64
  (def a (: 1 i64))
  (func.return (arith.addi [(arith.addi [a 2])] [3])))
