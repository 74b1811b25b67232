;; expect: 5
;; A minus sign in front of a digit belongs to the number, else it starts a name.
(require-dialect arith func)
(defn main [] -> i64
  (def -x (: 8 i64))
  (def - (: -3 i64))
  (func.return (arith.addi -x -)))
