;; expect: 9
(require-dialect arith func)
(defn main [] -> i64
  (func.return (arith.addi {} (: 4 i64) (: 5 i64))))
