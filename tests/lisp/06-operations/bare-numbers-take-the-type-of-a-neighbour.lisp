;; expect: 26
;; The type of any operand: nested operations take part.
(require-dialect func arith)
(defn main [] -> i32
  (def x (: 4 i32))
  (def y (arith.addi 2 x))
  (func.return (arith.addi (arith.muli x y) 2)))
