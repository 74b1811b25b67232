;; expect: 3
(use-dialect arith func)
(defn main [] -> i64 (func.return (arith.addi (: 1 i64) (: 2 i64))))
