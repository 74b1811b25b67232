;; expect: 9
(require-dialect arith func)
(defn main [] -> i64
  (def a (: 4 i64))
  (func.return (arith.addi [a (+i a 1)])))
